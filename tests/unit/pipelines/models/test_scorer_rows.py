"""Training arrays of the scorer without some keys, and what says so of keys that are shown as new."""

import asyncio
import zlib

import numpy as np
import pytest

from pipelines.library.keys import CategoryViews
from pipelines.models.examples import AS_NEW, Shares
from pipelines.models.scorer_data import FOLDS, RowsBuilder, add_set
from pipelines.models.scorer_rows import candidate_keys, load_rows, save_rows, without_keys
from tests.unit.pipelines.library import small

LABELS = {"colour": ("Navy Blue",), "material": ("Ceramic",)}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two items, each also with both of its keys as new; the first key of a row is the colour, the second the material."""
    folder = tmp_path_factory.mktemp("rows")
    release = asyncio.run(small.release(folder))
    listings = [small.listing("Navy Blue ceramic mug"), small.listing("Red ceramic mug")]
    vectors = asyncio.run(small.embed([item.title for item in listings]))
    keys = {"mugs": np.ones((len(CategoryViews(release.snapshot).of("mugs").keys), small.DIMENSIONS))}
    builder = RowsBuilder()

    def tokens(_text, _most):
        return [1, 2, 3], [(0, 0), (0, 3), (4, 7)]

    shares = Shares(1.0, categories=0.0, keys=1.0)
    add_set(builder, release, listings, {"i1": LABELS}, vectors, keys, tokens, True, shares=shares)
    save_rows(builder.rows(), folder / "rows.npz")
    return load_rows(folder / "rows.npz")


def test_a_key_shown_as_new_has_no_name_to_be_remembered_by(rows):
    names = np.split(rows.key_names, rows.keys_end[:-1])
    for name, of_item in zip(rows.names, names, strict=True):
        is_new = str(name).endswith(AS_NEW)
        assert (of_item[:2] == 0).tolist() == [is_new, is_new]
        assert (of_item[2:] != 0).all()  # keys without a label stay what they are


def test_the_fold_of_a_key_is_told_by_its_id(rows):
    folds = [zlib.crc32(key.encode()) % FOLDS for key in ("colour", "material")]
    assert [part[:2].tolist() for part in np.split(rows.key_folds, rows.keys_end[:-1])] == [folds] * 4


def test_without_some_keys_their_candidates_are_gone_and_all_others_stay(rows):
    folds = rows.key_folds[candidate_keys(rows)]
    one = int(folds[0])
    found = without_keys(rows, {one})
    kept = folds != one
    assert 0 < kept.sum() < len(kept)
    assert found.labels.tolist() == rows.labels[kept].tolist()
    assert found.numbers.tolist() == rows.numbers[kept].tolist()
    sizes = [int(part.sum()) for part in np.split(kept, rows.candidates_end[:-1])]
    assert np.diff(found.candidates_end, prepend=0).tolist() == sizes
    assert one not in found.key_folds[candidate_keys(found)]


def test_without_no_key_nothing_changes(rows):
    assert without_keys(rows, frozenset()).candidates_end.tolist() == rows.candidates_end.tolist()
