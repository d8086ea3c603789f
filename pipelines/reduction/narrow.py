"""A category with some of its keys only: what is left to recognise of an item of which the rest is known."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipelines.library.keys import CategoryView

ROOM = 256


def narrowed(category: CategoryView, places: Sequence[int]) -> CategoryView:
    """The category with the keys at these places, in that order; every key finds what it would find among all.

    Errors: IndexError for a place that the category does not have.
    """
    now = {place: at for at, place in enumerate(places)}
    surfaces = {}
    for form, leads in category.surfaces.items():
        kept = tuple((now[key], position) for key, position in leads if key in now)
        if kept:
            surfaces[form] = kept
    return replace(category, keys=tuple(category.keys[place] for place in places), surfaces=surfaces)


@dataclass(slots=True)
class NarrowedViews:
    """Narrowed views used last: the siblings of a family leave the same keys over. Safe between threads."""

    room: int = ROOM
    _made: OrderedDict[tuple[str, tuple[int, ...]], CategoryView] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, category: CategoryView, places: tuple[int, ...]) -> CategoryView:
        """The category narrowed to these keys; itself where they are all."""
        if places == tuple(range(len(category.keys))):
            return category
        name = (category.category_id, places)
        with self._lock:
            if name in self._made:
                self._made.move_to_end(name)
                return self._made[name]
        made = narrowed(category, places)
        with self._lock:
            self._made[name] = made
            if len(self._made) > self.room:
                self._made.popitem(last=False)
        return made
