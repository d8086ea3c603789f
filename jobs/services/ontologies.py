"""Ontology versions for services: the released one of each name by default, others on request; a few stay in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jobs.released import newest_release
from pipelines.ontology.active import active
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value
from pipelines.ontology.store import OntologyStore, Version

KEPT = 2
MAX_PLACES = 100


@dataclass(frozen=True)
class OntologyView:
    """One version as it is in force, with what looking up by id needs."""

    version: str
    snapshot: Snapshot

    @cached_property
    def children(self) -> Mapping[str, list[str]]:
        """Ids of the categories below each category."""
        found: dict[str, list[str]] = {}
        for category_id, category in sorted(self.snapshot.categories.items()):
            if category.parent_id is not None:
                found.setdefault(category.parent_id, []).append(category_id)
        return found

    @cached_property
    def keys(self) -> Mapping[str, list[CategoryKey]]:
        """The links of each key id, one for each category that has it."""
        found: dict[str, list[CategoryKey]] = {}
        for link in self.snapshot.links():
            found.setdefault(link.key.key_id, []).append(link)
        return found

    @cached_property
    def values(self) -> Mapping[str, list[tuple[str, Value]]]:
        """The sets that each value id is in, and the value there."""
        found: dict[str, list[tuple[str, Value]]] = {}
        for set_id, values in self.snapshot.value_sets.items():
            for value in values.values:
                found.setdefault(value.value_id, []).append((set_id, value))
        return found

    @cached_property
    def users(self) -> Mapping[str, list[CategoryKey]]:
        """The links that use each set of values."""
        found: dict[str, list[CategoryKey]] = {}
        for link in self.snapshot.links():
            found.setdefault(link.value_set_id, []).append(link)
        return found

    def category(self, category_id: str) -> dict[str, Any] | None:
        """A category, its path, what is below it, and its keys."""
        category = self.snapshot.categories.get(category_id)
        if category is None:
            return None
        links = self.snapshot.keys_of(category_id)
        return {
            "version": self.version,
            "category": asdict(category),
            "path": self.snapshot.path(category_id),
            "children": self.children.get(category_id, []),
            "keys": [asdict(link.key) | {"values": len(self.snapshot.values_of(link))} for link in links],
        }

    def key(self, key_id: str, category_id: str | None) -> dict[str, Any] | None:
        """A key as its categories have it; with one category also its values."""
        if category_id is None:
            links = self.keys.get(key_id, [])
        elif category_id in self.snapshot.categories:
            links = [link for link in self.snapshot.keys_of(category_id) if link.key.key_id == key_id]
        else:
            links = []
        if not links:
            return None
        found: dict[str, Any] = {
            "version": self.version,
            "keys": [asdict(link.key) for link in links[:MAX_PLACES]],
            "categories": len(links),
        }
        if category_id is not None:
            found["values"] = [asdict(value) for value in self.snapshot.values_of(links[0])]
        return found

    def value(self, value_id: str) -> dict[str, Any] | None:
        """A value wherever its id is used: texts may differ from set to set."""
        places = self.values.get(value_id)
        if not places:
            return None
        found = []
        for set_id, value in places[:MAX_PLACES]:
            links = self.users.get(set_id, [])
            used = [
                {"category_id": link.key.category_id, "key_id": link.key.key_id}
                for link in links[:MAX_PLACES]
            ]
            found.append({"value": asdict(value), "used_by": used})
        return {"version": self.version, "places": found}


class Ontologies:
    """The ontologies of a warehouse. Reading one for the first time takes as long as its size wants; call it beside a loop."""

    def __init__(self, warehouse: Path) -> None:
        self._warehouse = warehouse
        self._kept: OrderedDict[tuple[str, str], OntologyView] = OrderedDict()
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Names of all ontologies."""
        folder = self._warehouse / "ontology"
        return sorted(path.parent.name for path in folder.glob("*/versions")) if folder.is_dir() else []

    def versions(self, name: str) -> tuple[list[Version], str | None]:
        """All versions, newest first, and which one is released. Errors: OntologyError."""
        store = OntologyStore(self._warehouse, name)
        store.find()
        return list(reversed(store.versions())), released_version(store)

    def view(self, name: str, version: str | None) -> OntologyView:
        """A version: the released one, or the newest where none is released, unless another is named.

        Errors: OntologyError.
        """
        store = OntologyStore(self._warehouse, name)
        found = store.find(version or released_version(store))
        with self._lock:
            place = (name, found.version)
            if place not in self._kept:
                self._kept[place] = OntologyView(found.version, active(store.read(found.version)))
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(place)
            return self._kept[place]


def released_version(store: OntologyStore) -> str | None:
    """The version whose release recognition answers from; None where there is none."""
    folder = newest_release(store)
    return folder.name.split("--")[0] if folder else None
