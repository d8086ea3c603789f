"""Faiss behind the search interface of the ontology: exact for small sets, inverted lists for large ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
LEAST_SCORE = -1.0
LEAST_ROWS, HNSW_BREADTH, TIED = 16, 128, 1e-4
TUNED_K, TUNED_BY, TUNED_AMONG = 10, 256, (2, 8)
"""The nearest rows by which an index is tuned; queries, and among how many rows each lies: an item's text has several values, and
lies nearer to none of them than the sum of eight does."""


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
class FaissLists:
    """Inverted lists of compressed vectors for sets of more than `above` rows, the best found compared again uncompressed.

    Exact search of 50,000 vectors of 384 numbers takes some 5 ms on one core; lists pay above that. Two numbers of a vector share
    four bits, which the processor's shuffles compare 32 rows at a time; `again` times k of the best are compared once more by
    half-precision numbers. How many lists a search reads, and how many rows it compares again, is found when the index is built:
    the least that find `recall` of the nearest of queries that lie among several rows. An HNSW graph of a
    million rows took four times as long to build and found .957 at 2,000 queries a second (beside other work) where
    this finds all ten at 5,500.
    """

    above: int = 50_000
    recall: float = 0.99
    least_probed: int = 8
    again: int = 6
    finer: int = 8
    """Lists, times the root of the rows: the finer, the fewer rows are read for a query that is near none of them."""
    learned_from: int = 40
    """Rows a list that the lists' centres are learned from."""
    rounds: int = 6

    def __post_init__(self) -> None:
        if self.above < LEAST_ROWS:
            raise ValueError(f"sets above {self.above} rows: lists need {LEAST_ROWS} rows to learn from")

    def build(self, vectors: Floats, path: Path) -> None:
        """Write an index of the vectors. The same vectors give the same index, but for ties."""
        rows = np.ascontiguousarray(vectors, np.float32)
        lists = 2 ** max(1, round(math.log2(self.finer * math.sqrt(len(rows)))))
        parts = rows.shape[1] // 2 if rows.shape[1] % 2 == 0 else rows.shape[1]
        spec = f"IVF{lists},PQ{parts}x4fs,Refine(SQfp16)"
        index = faiss.index_factory(rows.shape[1], spec, faiss.METRIC_INNER_PRODUCT)
        drawn = np.random.default_rng(0).permutation(len(rows))[: lists * self.learned_from]
        faiss.extract_index_ivf(index).cp.niter = self.rounds
        index.train(rows[np.sort(drawn)])
        index.add(rows)
        self._tune(index, rows)
        faiss.write_index(index, str(path))

    def load(self, path: Path) -> FaissSearcher:
        """A searcher on an index that `build` wrote, with what it found to read."""
        index: Any = faiss.read_index(str(path))
        if hasattr(index, "hnsw"):  # of releases that were made before there were lists
            index.hnsw.efSearch = HNSW_BREADTH
        return FaissSearcher(index)

    def _tune(self, index: Any, rows: Floats) -> None:
        """Set how much a search reads to the least that finds enough; to the most there is where nothing does."""
        draw = np.random.default_rng(1)
        queries = np.concatenate(
            [rows[draw.integers(0, len(rows), (TUNED_BY, among))].sum(axis=1) for among in TUNED_AMONG]
        )
        queries /= np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), 1e-9)
        k = min(TUNED_K, len(rows))
        least, _ = faiss.knn(queries, rows, k, metric=faiss.METRIC_INNER_PRODUCT)
        lists = faiss.extract_index_ivf(index)
        for again in (self.again, 4 * self.again, 16 * self.again):
            index.k_factor, lists.nprobe = again, min(self.least_probed, lists.nlist)
            while True:
                scores, _ = index.search(queries, k)
                # By score, as equal rows are as good as each other.
                if np.mean(scores >= least[:, -1:] - TIED) >= self.recall:
                    return
                if lists.nprobe == lists.nlist:
                    break
                lists.nprobe = min(lists.nlist, math.ceil(1.4 * lists.nprobe))


@dataclass(frozen=True, slots=True)
class FaissSearch:
    """Makes Faiss searchers. `approximate`: lists for large sets, None to compare with every row always."""

    approximate: FaissLists | None = field(default_factory=FaissLists)

    def exact(self, vectors: Floats) -> FaissSearcher:
        """A searcher that compares with every row."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, np.float32))
        return FaissSearcher(index)
