"""Items by category, and the nearest of them: the item index of SKU-level reduction (paper section 4.3.1 (1); L1, L3)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipelines.ontology.search import Floats

FIRST_BLOCK, LARGEST_BLOCK = 64, 4_096
"""Rows of a category's first block of vectors, and of its largest ones."""


@dataclass(slots=True)
class _Category:
    """The vectors of one category, in blocks: a new one is made where the last is full, and none is ever copied."""

    blocks: list[Floats] = field(default_factory=list)
    item_ids: list[str] = field(default_factory=list)
    free: int = 0

    def add(self, item_id: str, vector: Floats) -> None:
        if not self.free:
            self.free = min(LARGEST_BLOCK, max(FIRST_BLOCK, len(self.item_ids)))
            self.blocks.append(np.zeros((self.free, len(vector)), np.float32))
        self.blocks[-1][len(self.blocks[-1]) - self.free] = vector
        self.free -= 1
        self.item_ids.append(item_id)

    def cosines(self, vector: Floats) -> Floats:
        """Shapes: vector (d), result (items)."""
        found = np.concatenate([block @ vector for block in self.blocks])
        return np.asarray(found[: len(self.item_ids)], np.float32)


@dataclass(slots=True)
class NeighbourIndex:
    """Vectors of items by category, compared with every one; adding one costs next to nothing.

    `room`: items a category; what comes after is not added, so that memory is bounded. Not safe between threads.
    """

    room: int = 50_000
    _held: dict[str, _Category] = field(default_factory=dict)

    def add(self, category_id: str, item_id: str, vector: Floats) -> bool:
        """Add an item; returns whether there was room. Shapes: vector (d), unit length."""
        held = self._held.setdefault(category_id, _Category())
        if len(held.item_ids) >= self.room:
            return False
        held.add(item_id, vector)
        return True

    def nearest(self, category_id: str, vector: Floats) -> tuple[str, float] | None:
        """The item of the category that is nearest, and its cosine; of equally near ones the first. None: there is none."""
        held = self._held.get(category_id)
        if held is None or not held.item_ids:
            return None
        cosines = held.cosines(vector)
        best = int(np.argmax(cosines))
        return held.item_ids[best], float(cosines[best])

    def __len__(self) -> int:
        return sum(len(held.item_ids) for held in self._held.values())
