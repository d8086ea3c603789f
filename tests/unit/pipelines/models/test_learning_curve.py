"""Parts of training rows for the learning curve, and how a fitted ranker's answers are counted."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from pipelines.library.candidates import Candidate
from pipelines.library.ranker import PairInput
from pipelines.models.learning_curve import f1_of, part_of
from pipelines.models.ranker_data import RankerRows


def rows(count: int) -> RankerRows:
    """`count` pairs of as many families with two candidates each, of which the first is true; a token row names its pair."""
    pairs = [
        PairInput(n, [Candidate(f"v{n}", n, 1), Candidate("w", -1, 0)], (), ((0.0,), (0.0,)))
        for n in range(count)
    ]
    tokens = sp.csr_matrix(np.repeat(np.arange(count, dtype=np.float32), 2)[:, None])
    names = [str(n) for n in range(count)]
    return RankerRows(
        pairs, [frozenset({f"v{n}"}) for n in range(count)], names, names, names, [False] * count, tokens
    )


def test_a_part_keeps_pairs_gold_and_token_rows_together() -> None:
    whole = rows(400)
    half, quarter = part_of(whole, 0.5), part_of(whole, 0.25)
    assert 150 < len(half.pairs) < 250 and set(quarter.families) < set(half.families)
    assert part_of(whole, 1.0) is whole
    for n, pair in enumerate(half.pairs):
        assert half.families[n] == str(pair.item) and half.gold[n] == {f"v{pair.item}"}
    assert half.tokens.toarray()[:, 0].tolist() == [pair.item for pair in half.pairs for _ in range(2)]


def test_f1_counts_true_values_that_are_no_candidates() -> None:
    found = rows(4)
    found.gold[3] = frozenset({"never offered", "nor this"})
    p = np.array([0.9, 0.1, 0.2, 0.9, 0.9, 0.1, 0.1, 0.1], np.float32)
    # Two right, one wrong, and of five true values three are missed: 2 * 2 / (3 + 5).
    assert f1_of(found, p, 0.5) == 0.5
