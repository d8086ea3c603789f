"""Search of a release made for the bench: that it is whole, and that recall tells what is lost."""

from __future__ import annotations

import asyncio

import numpy as np

from tests.benchmarks.throughput_search import Composed, SearchConfig, measure, recall, released

CONFIG = SearchConfig(entries=300, sets=2, queries=40, batch=16, compared=20, threads=1)


def composed() -> Composed:
    rows = np.random.default_rng(0).normal(size=(50, 16)).astype(np.float32)
    return Composed(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_composed_vectors_follow_from_their_number():
    vectors = composed()
    rows = vectors.of([0, 1, 0], 2)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5) and np.array_equal(rows[0], rows[2])
    assert not np.allclose(rows[0], rows[1]) and not np.allclose(rows[0], vectors.of([0], 3)[0])


def test_a_release_is_made_once_and_searched_whole(tmp_path):
    release = asyncio.run(released(CONFIG, composed(), tmp_path))
    assert [len(found.values) for found in release.snapshot.value_sets.values()] == [150, 150]
    again = asyncio.run(released(CONFIG, composed(), tmp_path))
    assert again.folder == release.folder
    found = measure(release, CONFIG, composed())
    assert found["search_recall_at_10"] == 1 and found["search_qps"] > 0


def test_recall_tells_what_search_does_not_find(tmp_path):
    release = asyncio.run(released(CONFIG, composed(), tmp_path))

    class Half:
        snapshot = release.snapshot
        value_vectors = staticmethod(release.value_vectors)

        @staticmethod
        def search(value_set, queries, k):
            scores, positions = release.search(value_set, queries, k)
            positions[:, k // 2 :] = -1
            return scores, positions

    assert recall(Half(), composed().of(range(5), 3)) == 0.5
