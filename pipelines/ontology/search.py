"""Top-K cosine search over unit vectors: what a backend must do, and an exact one that needs no engine."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
NOTHING = -1
LEAST_SCORE = -1.0


class Searcher(Protocol):
    """Searches one set of vectors."""

    def search(self, queries: Floats, k: int) -> tuple[Floats, Positions]:
        """The k nearest rows of each query, best first; -1 and score -1 where there are fewer.

        Shapes: queries (n, d); scores and positions (n, k).
        """


class ApproximateIndexes(Protocol):
    """Writes and reads indexes of large sets."""

    @property
    def above(self) -> int:
        """Sets of more rows than this get an index."""

    def build(self, vectors: Floats, path: Path) -> None:
        """Write an index of the vectors."""

    def load(self, path: Path) -> Searcher:
        """A searcher on an index that `build` wrote."""


class SearchBackend(Protocol):
    """Makes searchers; `infra.faiss.FaissSearch` is the production one."""

    @property
    def approximate(self) -> ApproximateIndexes | None:
        """Indexes for large sets; None: every set is searched exactly."""

    def exact(self, vectors: Floats) -> Searcher:
        """A searcher that compares with every row."""


@dataclass(frozen=True, slots=True)
class ExactSearcher:
    """Compares with every row, by matrix product. Equal scores come in row order."""

    vectors: Floats

    def search(self, queries: Floats, k: int) -> tuple[Floats, Positions]:
        """See `Searcher.search`."""
        scores = queries @ self.vectors.T
        kept = min(k, scores.shape[1])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :kept]
        return padded(np.take_along_axis(scores, order, axis=1), order, k)


@dataclass(frozen=True, slots=True)
class ExactSearch:
    """A backend without any approximate index: right for every size, slow for very large sets."""

    @property
    def approximate(self) -> None:
        """None: see `SearchBackend.approximate`."""
        return None

    def exact(self, vectors: Floats) -> Searcher:
        """See `SearchBackend.exact`."""
        return ExactSearcher(vectors)


def padded(
    scores: npt.NDArray[np.floating[Any]], positions: npt.NDArray[np.integer[Any]], k: int
) -> tuple[Floats, Positions]:
    """Bring found columns to exactly k."""
    found_scores = np.full((scores.shape[0], k), LEAST_SCORE, np.float32)
    found_positions = np.full((scores.shape[0], k), NOTHING, np.int64)
    found_scores[:, : scores.shape[1]] = scores
    found_positions[:, : scores.shape[1]] = positions
    return found_scores, found_positions


@dataclass(slots=True)
class SearcherCache:
    """The searchers used last, at most `max_rows` rows of vectors together. Safe between threads."""

    max_rows: int
    _held: OrderedDict[str, tuple[Searcher, int]] = field(default_factory=OrderedDict)
    _rows: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, name: str, rows: int, make: Callable[[], Searcher]) -> Searcher:
        """The searcher of this name, made now if it is not held."""
        with self._lock:
            if name in self._held:
                self._held.move_to_end(name)
                return self._held[name][0]
        made = make()
        with self._lock:
            if name not in self._held:
                self._held[name] = (made, rows)
                self._rows += rows
            while self._rows > self.max_rows and len(self._held) > 1:
                _, (_, dropped) = self._held.popitem(last=False)
                self._rows -= dropped
        return made

    @property
    def rows(self) -> int:
        """Rows of vectors held now."""
        return self._rows
