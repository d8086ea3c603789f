"""Faiss behind the search interface of the ontology: exact for small sets, HNSW for large ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
LEAST_SCORE = -1.0


@dataclass(frozen=True, slots=True)
class FaissSearcher:
    """Searches one Faiss index."""

    index: Any

    def search(self, queries: Floats, k: int) -> tuple[Floats, Positions]:
        """The k nearest rows of each query, best first; position -1 and score -1 where there are fewer.

        Shapes: queries (n, d); scores and positions (n, k).
        """
        scores, positions = self.index.search(np.ascontiguousarray(queries, np.float32), k)
        scores[positions < 0] = LEAST_SCORE
        return scores, positions


@dataclass(frozen=True, slots=True)
class FaissGraphs:
    """HNSW graphs for sets of more than `above` rows.

    Exact search of 50,000 vectors of 384 numbers takes some 5 ms on one core; a graph pays above that.
    """

    above: int = 50_000
    neighbours: int = 32
    build_breadth: int = 200
    search_breadth: int = 128

    def build(self, vectors: Floats, path: Path) -> None:
        """Write an HNSW index of the vectors."""
        index = faiss.IndexHNSWFlat(vectors.shape[1], self.neighbours, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.build_breadth
        index.add(np.ascontiguousarray(vectors, np.float32))
        faiss.write_index(index, str(path))

    def load(self, path: Path) -> FaissSearcher:
        """A searcher on an index that `build` wrote."""
        index: Any = faiss.read_index(str(path))
        index.hnsw.efSearch = self.search_breadth
        return FaissSearcher(index)


@dataclass(frozen=True, slots=True)
class FaissSearch:
    """Makes Faiss searchers. `approximate`: graphs for large sets, None to compare with every row always."""

    approximate: FaissGraphs | None = field(default_factory=FaissGraphs)

    def exact(self, vectors: Floats) -> FaissSearcher:
        """A searcher that compares with every row."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, np.float32))
        return FaissSearcher(index)
