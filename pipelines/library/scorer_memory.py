"""What the scorer remembers of keys and values by name; what it has not seen has no number and is told by its text alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

Names = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
MEMORY = "memory.npz"


def ids_of(names: Names, known: Names) -> Ints:
    """Numbers of names among the known ones (sorted), from 1; 0 for a name that is not known.

    >>> ids_of(np.array([7, 5, 6], np.uint64), np.array([5, 7], np.uint64)).tolist()
    [2, 1, 0]
    """
    if not len(known):
        return np.zeros(len(names), np.int64)
    place = np.minimum(np.searchsorted(known, names), len(known) - 1)
    return np.where(known[place] == names, place + 1, 0).astype(np.int64)


def load_memory(folder: Path) -> tuple[Names, Names]:
    """Known key names and value names, sorted. Errors: OSError, KeyError, ValueError."""
    with np.load(folder / MEMORY) as stored:
        return stored["keys"], stored["values"]
