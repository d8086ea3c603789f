"""What changed from one version to another; equal value sets are never opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipelines.ontology.snapshot import ANY_CATEGORY, CategoryKey, Snapshot, Value
from schemas.ontology import AttributeKey, Category, ScenarioTag

E = TypeVar("E")
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Delta(Generic[E]):
    """Elements of one kind that came, went, or changed (before, after)."""

    added: tuple[E, ...] = ()
    removed: tuple[E, ...] = ()
    changed: tuple[tuple[E, E], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class ValueDelta:
    """One change of values, and all (category, key) pairs that it happened to."""

    pairs: tuple[Pair, ...]
    values: Delta[Value]


@dataclass(frozen=True, slots=True)
class Diff:
    """Everything that differs between two versions."""

    before: str
    after: str
    categories: Delta[Category]
    keys: Delta[AttributeKey]
    tags: Delta[ScenarioTag]
    values: tuple[ValueDelta, ...]

    def __bool__(self) -> bool:
        return bool(self.categories or self.keys or self.tags or self.values)

    def counts(self) -> dict[str, dict[str, int]]:
        """Added, removed and changed elements by kind; values are counted as entries, once per category."""
        kinds: dict[str, Delta[Any]] = {"categories": self.categories, "keys": self.keys, "tags": self.tags}
        found = {
            kind: {"added": len(delta.added), "removed": len(delta.removed), "changed": len(delta.changed)}
            for kind, delta in kinds.items()
        }
        found["entries"] = {
            name: sum(len(delta.pairs) * len(getattr(delta.values, name)) for delta in self.values)
            for name in ("added", "removed", "changed")
        }
        return found


def diff(before: Snapshot, after: Snapshot) -> Diff:
    """Compare two versions. Order of keys and values is content, but not an element: it is not reported."""
    links_before, links_after = _links(before), _links(after)
    keys_before = {pair: link.key for pair, link in links_before.items()}
    keys_after = {pair: link.key for pair, link in links_after.items()}
    return Diff(
        before=before.version,
        after=after.version,
        categories=_delta(before.categories, after.categories),
        keys=_delta(keys_before, keys_after),
        tags=_delta(before.tags, after.tags),
        values=tuple(_value_deltas(before, after, links_before, links_after)),
    )


def _links(snapshot: Snapshot) -> dict[Pair, CategoryKey]:
    links = {(link.key.category_id, link.key.key_id): link for link in snapshot.links()}
    return links | {(ANY_CATEGORY, link.key.key_id): link for link in snapshot.spare_keys}


def _delta(before: Mapping[Any, E], after: Mapping[Any, E]) -> Delta[E]:
    return Delta(
        added=tuple(after[found] for found in after if found not in before),
        removed=tuple(before[found] for found in before if found not in after),
        changed=tuple(
            (before[found], after[found])
            for found in before
            if found in after and before[found] is not after[found] and before[found] != after[found]
        ),
    )


def _value_deltas(
    before: Snapshot,
    after: Snapshot,
    links_before: Mapping[Pair, CategoryKey],
    links_after: Mapping[Pair, CategoryKey],
) -> Iterator[ValueDelta]:
    pairs: dict[tuple[str, str], list[Pair]] = {}
    for pair in links_before.keys() | links_after.keys():
        old = links_before[pair].value_set_id if pair in links_before else ""
        new = links_after[pair].value_set_id if pair in links_after else ""
        if old != new:
            pairs.setdefault((old, new), []).append(pair)
    for (old, new), found in sorted(pairs.items(), key=lambda item: min(item[1])):
        delta = _delta(_values(before, old), _values(after, new))
        if delta:
            yield ValueDelta(tuple(sorted(found)), delta)


def _values(snapshot: Snapshot, value_set_id: str) -> dict[str, Value]:
    found = snapshot.value_sets.get(value_set_id)
    return {value.value_id: value for value in found.values} if found else {}
