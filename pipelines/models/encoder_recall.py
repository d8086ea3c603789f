"""Recall of similarity alone on contrastive data: is a true entry among the ten nearest of its group?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipelines.models.encoder_batches import Vectors
from pipelines.models.encoder_records import Anchor

TOP_K = 10


def recall_at(
    anchors: Sequence[Anchor], groups: Sequence[Sequence[str]], vectors: Vectors, k: int = TOP_K
) -> dict[str, float]:
    """Shares of true entries among the k nearest, of all and of those that the text does not name, and the mean reciprocal rank.

    Groups of at most k entries are left out: everything is found there.
    """
    matrices = {}
    counts: Counter[str] = Counter()
    reciprocal = 0.0
    for anchor in anchors:
        for asked in anchor.asked:
            group = groups[asked.group]
            if len(group) <= k:
                continue
            if asked.group not in matrices:
                matrices[asked.group] = vectors.rows(group)
            near = matrices[asked.group] @ vectors.of[anchor.text]
            ranks = {int(place): rank for rank, place in enumerate(np.argsort(-near, kind="stable"), 1)}
            for true, stated in zip(asked.true, asked.stated, strict=True):
                counts.update(all=1, hit=int(ranks[true] <= k))
                counts.update(implied=int(not stated), implied_hit=int(not stated and ranks[true] <= k))
                reciprocal += 1 / ranks[true]
    return {
        "recall": round(counts["hit"] / max(1, counts["all"]), 4),
        "recall_implied": round(counts["implied_hit"] / max(1, counts["implied"]), 4),
        "reciprocal_rank": round(reciprocal / max(1, counts["all"]), 4),
    }
