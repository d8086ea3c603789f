"""Items by category, and the nearest of them: the item index of SKU-level reduction (paper section 4.3.1 (1); L1, L3)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipelines.ontology.search import Floats

FIRST_ROOM = 64


@dataclass(slots=True)
class _Category:
    """The vectors of one category in a block that doubles when it is full."""

    rows: Floats
    item_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class NeighbourIndex:
    """Vectors of items by category, compared with every one; adding one costs next to nothing.

    `room`: items a category; what comes after is not added, so that memory is bounded. Not safe between threads.
    """

    room: int = 50_000
    _held: dict[str, _Category] = field(default_factory=dict)

    def add(self, category_id: str, item_id: str, vector: Floats) -> bool:
        """Add an item; returns whether there was room. Shapes: vector (d), unit length."""
        held = self._held.get(category_id)
        if held is None:
            held = self._held[category_id] = _Category(np.zeros((FIRST_ROOM, len(vector)), np.float32))
        count = len(held.item_ids)
        if count >= self.room:
            return False
        if count == len(held.rows):
            held.rows = np.concatenate([held.rows, np.zeros_like(held.rows)])
        held.rows[count] = vector
        held.item_ids.append(item_id)
        return True

    def nearest(self, category_id: str, vector: Floats) -> tuple[str, float] | None:
        """The item of the category that is nearest, and its cosine; of equally near ones the first. None: there is none."""
        held = self._held.get(category_id)
        if held is None:
            return None
        cosines = held.rows[: len(held.item_ids)] @ vector
        best = int(np.argmax(cosines))
        return held.item_ids[best], float(cosines[best])

    def __len__(self) -> int:
        return sum(len(held.item_ids) for held in self._held.values())
