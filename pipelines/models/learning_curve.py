"""How F1 on held-out items grows with the labelled families that the ranker learns from: does more data help? (ours)"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from zlib import crc32

import numpy as np
import numpy.typing as npt

from pipelines.library.ranker import boosted_rows
from pipelines.models.ranker_data import RankerRows
from pipelines.models.ranker_fit import Fitted, fit_ranker

SHARES = (0.125, 0.25, 0.5, 1.0)
GRAIN = 1_000


def learning_curve(
    train: RankerRows,
    held_out: Mapping[str, RankerRows],
    shares: Sequence[float] = SHARES,
    threads: int = 1,
    say: Callable[[str], None] = print,
) -> list[dict[str, float]]:
    """Per share of the training families: how many families and pairs, and the F1 on each held-out set.

    A smaller share's families are among a larger one's. The threshold is that of the share's own training items.
    Errors: ValueError for a share with too few families.
    """
    points = []
    for share in shares:
        rows = part_of(train, share)
        fitted = fit_ranker(rows, threads, lambda _step: None)
        found = {
            name: round(f1_of(one, probabilities(fitted, one), fitted.threshold), 4)
            for name, one in held_out.items()
        }
        points.append(
            {"share": share, "families": len(set(rows.families)), "pairs": len(rows.pairs), **found}
        )
        say(str(points[-1]))
    return points


def part_of(rows: RankerRows, share: float) -> RankerRows:
    """The pairs of a share of the product families, chosen by a hash of their names."""
    if share >= 1:
        return rows
    kept = [crc32(f"curve {family}".encode()) % GRAIN < share * GRAIN for family in rows.families]
    candidates = np.array(kept)[rows.owners()]
    return RankerRows(
        list(compress(rows.pairs, kept)),
        list(compress(rows.gold, kept)),
        list(compress(rows.items, kept)),
        list(compress(rows.families, kept)),
        list(compress(rows.keys, kept)),
        list(compress(rows.new, kept)),
        rows.tokens[candidates],
    )


def probabilities(fitted: Fitted, rows: RankerRows) -> npt.NDArray[np.float32]:
    """What a fitted ranker says of each candidate. Shapes: (candidates,)."""
    linear = rows.tokens @ fitted.weights + fitted.bias
    return np.asarray(fitted.boosted.predict(boosted_rows(rows.pairs, linear)), np.float32)


def f1_of(rows: RankerRows, p: npt.NDArray[np.float32], threshold: float) -> float:
    """Micro F1 of the candidates at or over the threshold; true values that are no candidate count as missed."""
    stated, labels = p >= threshold, rows.labels()
    total = sum(len(gold) for gold in rows.gold)
    return 2 * float((stated & labels).sum()) / max(1, int(stated.sum()) + total)
