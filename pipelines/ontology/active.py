"""What of a version is in force: the view that releases and recognition use."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.ontology.identity import Identities
from pipelines.ontology.snapshot import ACTIVE, CategoryKey, Snapshot, ValueSet


def active(snapshot: Snapshot) -> Snapshot:
    """The snapshot without candidates and retired elements.

    A category counts as active only when all its ancestors do: retiring a category takes its subtree out.
    """
    categories = {found: snapshot.categories[found] for found in _active_categories(snapshot)}
    sets = _ActiveSets(snapshot)
    keys = {found: sets.links(snapshot.keys[found]) for found in snapshot.keys if found in categories}
    spare = sets.links(snapshot.spare_keys)
    tags = {tag_id: tag for tag_id, tag in snapshot.tags.items() if tag.status == ACTIVE}
    filled = {found: links for found, links in keys.items() if links}
    return Snapshot(snapshot.version, categories, filled, sets.kept, tags, spare)


def _active_categories(snapshot: Snapshot) -> list[str]:
    known: dict[str, bool] = {}
    for category_id in snapshot.categories:
        chain = []
        for current in snapshot.ancestors(category_id):
            if current in known:
                break
            chain.append(current)
        for current in reversed(chain):
            category = snapshot.categories[current]
            above = category.parent_id is None or known[category.parent_id]
            known[current] = above and category.status == ACTIVE
    return [category_id for category_id in snapshot.categories if known[category_id]]


class _ActiveSets:
    """The active part of each set that is still used; a set without any active value becomes ""."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.identities = Identities()
        self.renamed: dict[str, str] = {"": ""}
        self.kept: dict[str, ValueSet] = {}

    def links(self, links: Iterable[CategoryKey]) -> tuple[CategoryKey, ...]:
        return tuple(
            CategoryKey(link.key, self.keep(link.value_set_id)) for link in links if link.key.status == ACTIVE
        )

    def keep(self, value_set_id: str) -> str:
        if value_set_id not in self.renamed:
            found = self.snapshot.value_sets[value_set_id]
            values = [value for value in found.values if value.status == ACTIVE]
            if len(values) < len(found.values):
                found = self.identities.value_set_of(found.context, values)
            self.renamed[value_set_id] = found.value_set_id if values else ""
            if values:
                self.kept[found.value_set_id] = found
        return self.renamed[value_set_id]
