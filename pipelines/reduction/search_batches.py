"""Similar values of many items at once: one search per value set, whatever number of items ask it (paper section 4.3.3; L6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pipelines.library.keys import CategoryView
from pipelines.library.pairs import Floats, is_searched
from pipelines.ontology.release import Release


def similar_of_many(
    release: Release, asked: Sequence[tuple[CategoryView, Floats]], top_k: int
) -> list[list[dict[int, float]]]:
    """As `pipelines.library.pairs.similar_values`, for N items. Shapes: N (category, vector (d)) in, N lists of one dict a key."""
    found: list[list[dict[int, float]]] = [[{} for _ in category.keys] for category, _ in asked]
    wanted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, (category, _) in enumerate(asked):
        for place, view in enumerate(category.keys):
            if is_searched(category, place):
                wanted[view.value_set_id].append((number, place))
    for value_set_id, askers in wanted.items():
        rows = np.stack([asked[number][1] for number, _ in askers])
        scores, positions = release.search(value_set_id, rows, top_k)
        for (number, place), near, at in zip(askers, scores, positions, strict=True):
            found[number][place] = {int(p): float(s) for s, p in zip(near, at, strict=True) if p >= 0}
    return found
