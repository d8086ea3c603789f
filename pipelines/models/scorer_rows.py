"""The scorer's training data as arrays: made where the engines are, read where torch is, by numpy alone."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class ScorerRows:
    """Labelled items under one another. Row i of an item array ends at `*_end[i]`; the candidates are of labelled keys.
    `key_names` are 0 for a key that is shown as new, `key_folds` by the key's id.

    `names` item ids (an item of many keys has several rows), `folds` by product family, `pair` the key's place among its category's, one a candidate.

    `values` and `value_names` (0 for a value that is not remembered) are a table that `value_row` points into, -1 for none.
    """

    names: npt.NDArray[np.str_]
    folds: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int32]
    ids_end: npt.NDArray[np.int64]
    key_at: npt.NDArray[np.int16]
    keys: npt.NDArray[np.float16]
    key_names: npt.NDArray[np.uint64]
    key_folds: npt.NDArray[np.int8]
    keys_end: npt.NDArray[np.int64]
    owner: npt.NDArray[np.int32]
    spans: npt.NDArray[np.int16]
    values: npt.NDArray[np.float16]
    value_names: npt.NDArray[np.uint64]
    value_row: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.float32]
    labels: npt.NDArray[np.bool_]
    candidates_end: npt.NDArray[np.int64]


def candidate_keys(rows: ScorerRows) -> npt.NDArray[np.int64]:
    """The row of each candidate's key in the key arrays."""
    starts = np.concatenate([[0], rows.keys_end[:-1]])
    return np.repeat(starts, np.diff(rows.candidates_end, prepend=0)) + rows.owner


def without_keys(rows: ScorerRows, folds: Set[int]) -> ScorerRows:
    """The same items without the candidates of keys of some folds."""
    kept = ~np.isin(rows.key_folds, sorted(folds))[candidate_keys(rows)]
    seen = np.concatenate([[0], np.cumsum(kept)])
    cut = {name: getattr(rows, name)[kept] for name in ("owner", "spans", "value_row", "numbers", "labels")}
    return replace(rows, candidates_end=seen[rows.candidates_end], **cut)


def save_rows(rows: ScorerRows, path: Path) -> None:
    """Write the arrays into one file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **{one.name: getattr(rows, one.name) for one in fields(rows)})
    partial.rename(path)


def load_rows(path: Path) -> ScorerRows:
    """Read the arrays. Errors: OSError, KeyError, ValueError for a file that is not one."""
    with np.load(path) as stored:
        return ScorerRows(**{one.name: stored[one.name] for one in fields(ScorerRows)})
