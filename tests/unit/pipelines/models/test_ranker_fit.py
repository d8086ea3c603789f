"""Of a key that is shown as new, the linear stage gives the opinion of one that never learned the key."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from pipelines.library.candidates import Candidate
from pipelines.library.ranker import PairInput
from pipelines.models.examples import AS_NEW
from pipelines.models.ranker_data import RankerRows
from pipelines.models.ranker_fit import FOLDS, _linear_out_of_fold, best_threshold

KEYS = ("colour", "weight", "model", "size")
TRUE, FALSE = 0, 1
FAMILIES = 40


def folds_of(rows):
    return np.array([zlib.crc32(name.encode()) % FOLDS for name in rows.families])[rows.owners()]


@pytest.fixture
def rows():
    """A true and a false candidate a pair; what tells them apart is a token that each key has for itself."""
    names = [f"item{n}" for n in range(FAMILIES)]
    items, keys, columns = [], [], []
    for name in names:
        for place, key in enumerate(KEYS):
            items.append(name)
            keys.append(key)
            columns += [2 * place + TRUE, 2 * place + FALSE]
    pairs = [PairInput(0, [Candidate("yes", -1, 0), Candidate("no", -1, 0)], (), ()) for _ in items]
    tokens = sp.csr_matrix(
        (np.ones(len(columns), np.float32), (np.arange(len(columns)), columns)),
        shape=(len(columns), 2 * len(KEYS)),
    )
    gold = [frozenset({"yes"})] * len(items)
    return RankerRows(pairs, gold, items, items, keys, [False] * len(items), tokens)


def margins(rows):
    weights = np.ones(2 * len(rows.pairs), np.float32)
    said = _linear_out_of_fold(rows, rows.labels(), weights, folds_of(rows), lambda _step: None)
    return said[TRUE::2] - said[FALSE::2]


def test_keys_lie_in_more_than_one_fold():
    assert len({zlib.crc32(key.encode()) % FOLDS for key in KEYS}) > 1


def test_a_known_key_is_told_by_what_other_families_showed_of_it(rows):
    assert (margins(rows) > 1).all()


def test_of_a_new_key_no_item_has_shown_anything(rows):
    new = [key == "colour" and n < 8 * len(KEYS) for n, key in enumerate(rows.keys)]
    found = margins(replace(rows, new=new))
    assert np.abs(found[new]).max() < 1e-6
    assert (found[~np.array(new)] > 1).all()


def test_the_threshold_is_that_of_items_as_they_are(rows):
    again = replace(rows, items=[name + AS_NEW * (n >= 8) for n, name in enumerate(rows.items)])
    said = np.zeros(2 * len(rows.pairs), np.float32)
    said[:16:2], said[16::2] = 0.5, 0.15
    threshold, f1 = best_threshold(again, said)
    assert (f1, 0.15 < threshold <= 0.5) == (1.0, True)
    assert best_threshold(rows, said)[0] < 0.15
