"""Training data of the scorer from labelled listings, each seen as if the ontology had never seen it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipelines.library.keys import CategoryViews, KeyView
from pipelines.library.pairs import Floats, item_pairs, similar_values
from pipelines.library.ranker import PairInput
from pipelines.library.scorer_input import MAX_KEYS, ScorerInput, Tokenizer, key_rows, scorer_inputs
from pipelines.models.examples import NONE_NEW, Gold, Shares, examples
from pipelines.models.scorer_rows import ScorerRows
from pipelines.ontology.release import Release
from schemas.listing import Listing
from udfs.document import document
from udfs.split import split_group
from udfs.text import fold

FOLDS = 4


def fold_of(name: str) -> int:
    """The fold of a product family, or of a key by its id."""
    return zlib.crc32(name.encode()) % FOLDS


class RowsBuilder:
    """Collects items; equal value vectors are kept once."""

    def __init__(self) -> None:
        self._items: list[tuple[str, int, ScorerInput, npt.NDArray[np.int8], npt.NDArray[np.bool_]]] = []
        self._places: dict[tuple[int, bytes], int] = {}
        self._values: list[npt.NDArray[np.float16]] = []
        self._rows: list[npt.NDArray[np.int32]] = []

    def add(
        self, name: str, family: str, made: ScorerInput, key_ids: Sequence[str], labels: npt.NDArray[np.bool_]
    ) -> None:
        """Add one item with the ids of its keys and a label for each candidate."""
        rows = [self._row(name, v) for name, v in zip(made.value_names.tolist(), made.values, strict=True)]
        self._rows.append(np.asarray(rows, np.int32))
        # Their vectors are kept in the table alone: written out a candidate they would not fit memory.
        made = replace(made, values=np.zeros((0, 0), np.float32))
        folds = np.array([fold_of(key_id) for key_id in key_ids], np.int8)
        self._items.append((name, fold_of(family), made, folds, labels))

    def _row(self, name: int, vector: Floats) -> int:
        """The row of a value in the table; -1 for none."""
        if not vector.any():
            return -1
        half = vector.astype(np.float16)
        found = self._places.setdefault((name, half.tobytes()), len(self._values))
        if found == len(self._values):
            self._values.append(half)
        return found

    def rows(self) -> ScorerRows:
        """All items as arrays. Errors: ValueError when there is none."""
        names, folds, made, key_folds, labels = zip(*self._items, strict=True)
        return ScorerRows(
            np.asarray(names),
            np.asarray(folds),
            np.concatenate([one.ids for one in made]).astype(np.int32),
            np.cumsum([len(one.ids) for one in made]),
            np.vstack([one.key_at for one in made]).astype(np.int16),
            np.vstack([one.keys for one in made]).astype(np.float16),
            np.concatenate([one.key_names for one in made]),
            np.concatenate(key_folds),
            np.cumsum([len(one.keys) for one in made]),
            np.concatenate([one.owner for one in made]).astype(np.int32),
            np.concatenate([one.spans for one in made]).astype(np.int16),
            np.vstack(self._values),
            np.asarray([name for name, _ in self._places], np.uint64),
            np.concatenate(self._rows),
            np.vstack([one.numbers for one in made]).astype(np.float32),
            np.concatenate(labels),
            np.cumsum([len(one.owner) for one in made]),
        )


def add_set(
    builder: RowsBuilder,
    release: Release,
    listings: Sequence[Listing],
    gold: Gold,
    vectors: Floats,
    key_vectors: Mapping[str, Floats],
    tokenizer: Tokenizer,
    leave_one_out: bool,
    report: Callable[[int], None] = lambda _done: None,
    shares: Shares = NONE_NEW,
) -> None:
    """Add the labelled pairs of a set, the items seen as `ranker_rows` sees them.

    Shapes: N listings, vectors (N, d); `key_vectors` hold (keys, d) by category.
    """
    values: dict[str, Floats] = {}
    seen = examples(CategoryViews(release.snapshot), listings, gold, vectors, leave_one_out, shares)
    for number, one in enumerate(seen):
        category = one.category
        similar = similar_values(release, category, one.vector, 10)
        made = item_pairs(number, one.listing, document(one.listing), category, similar, one.own)
        offered = [
            values.setdefault(v.value_set_id, release.value_vectors(v.value_set_id)) for v in category.keys
        ]
        rows = key_rows(category, key_vectors[category.category_id])
        # Of a new key nothing can be remembered, nor of one of a new category: it is remembered with its category's name.
        new = one.in_new_category | np.isin(np.arange(len(category.keys)), list(one.new_keys))
        for n, group in enumerate(scorer_inputs(made, tokenizer, rows, offered)):
            part = slice(n * MAX_KEYS, (n + 1) * MAX_KEYS)
            group.key_names[new[part]] = 0
            cut, true = _labelled(group, made.pairs[part], category.keys[part], one.labels)
            if len(true):
                key_ids = [view.key.key_id for view in category.keys[part]]
                builder.add(one.name, split_group(one.listing), cut, key_ids, true)
        report(number + 1)


def _labelled(
    group: ScorerInput,
    pairs: Sequence[PairInput],
    keys: Sequence[KeyView],
    labels: Mapping[str, Sequence[str]],
) -> tuple[ScorerInput, npt.NDArray[np.bool_]]:
    """The candidates of labelled keys, and which of them are true."""
    gold = [{fold(value) for value in labels.get(view.key.key_id, ())} for view in keys]
    texts = [candidate.folded for pair in pairs for candidate in pair.candidates]
    true = np.asarray([text in gold[k] for text, k in zip(texts, group.owner, strict=True)], np.bool_)
    known = np.asarray([view.key.key_id in labels for view in keys], np.bool_)
    kept = known[group.owner]
    cut = {
        name: getattr(group, name)[kept] for name in ("owner", "spans", "values", "numbers", "value_names")
    }
    return replace(group, **cut), true[kept]
