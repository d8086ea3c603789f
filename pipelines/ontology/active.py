"""What of a version is in force: the view that releases and recognition use."""

from __future__ import annotations

from pipelines.ontology.identity import Identities
from pipelines.ontology.snapshot import ACTIVE, CategoryKey, Snapshot, ValueSet


def active(snapshot: Snapshot) -> Snapshot:
    """The snapshot without candidates and retired elements.

    A category counts as active only when all its ancestors do: retiring a category takes its subtree out.
    """
    categories = {found: snapshot.categories[found] for found in _active_categories(snapshot)}
    sets = _ActiveSets(snapshot)
    keys = {}
    for category_id in snapshot.keys:
        if category_id in categories:
            links = [link for link in snapshot.keys[category_id] if link.key.status == ACTIVE]
            if links:
                keys[category_id] = tuple(CategoryKey(link.key, sets.keep(link.value_set_id)) for link in links)
    tags = {tag_id: tag for tag_id, tag in snapshot.tags.items() if tag.status == ACTIVE}
    return Snapshot(snapshot.version, categories, keys, sets.kept, tags)


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
