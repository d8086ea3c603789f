"""One version of the ontology in memory: categories, their keys, and value sets that categories share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.ontology import AttributeKey, Category, ScenarioTag

ACTIVE = "active"
ANY_CATEGORY = "*"


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a set; the category and key that use it are told by the link, not by the value."""

    value_id: str
    text: str
    frequency: int = 0
    synonyms: tuple[str, ...] = ()
    status: str = ACTIVE
    importance: str = "stable"
    provenance: str = "expert"


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Values that one or many (category, key) pairs share. `context` is the key name they are encoded under.

    The id is a digest of the content (`identity.value_set_of`): equal ids mean equal values, in any version.
    """

    value_set_id: str
    context: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class CategoryKey:
    """A key as one category has it, with the value set that it uses ("" when it has no values)."""

    key: AttributeKey
    value_set_id: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many elements a snapshot holds. An entry is a (category, key, value) that a link and its set imply."""

    categories: int
    keys: int
    category_keys: int
    values: int
    value_sets: int
    entries: int
    tags: int


@dataclass(frozen=True)
class Snapshot:
    """One whole, immutable version of the ontology.

    Keys of a category and values of a set keep the order the experts gave them; categories have none.
    `spare_keys` are keys that no category has yet (their category_id is "*"); they make no entries.
    """

    version: str
    categories: Mapping[str, Category]
    keys: Mapping[str, tuple[CategoryKey, ...]]
    value_sets: Mapping[str, ValueSet]
    tags: Mapping[str, ScenarioTag] = field(default_factory=dict)
    spare_keys: tuple[CategoryKey, ...] = ()

    def ancestors(self, category_id: str) -> Iterator[str]:
        """The category itself, then its parents up to the root."""
        current: str | None = category_id
        while current is not None:
            yield current
            current = self.categories[current].parent_id

    def path(self, category_id: str) -> tuple[str, ...]:
        """Names from the root down to the category."""
        return tuple(reversed([self.categories[found].name for found in self.ancestors(category_id)]))

    def keys_of(self, category_id: str) -> tuple[CategoryKey, ...]:
        """The keys an item of this category is asked for: its own, else those of the nearest parent with any.

        Errors: KeyError for an unknown category.
        """
        for current in self.ancestors(category_id):
            found = self.keys.get(current)
            if found:
                return found
        return ()

    def values_of(self, link: CategoryKey) -> tuple[Value, ...]:
        """The values of a category's key."""
        found = self.value_sets.get(link.value_set_id)
        return found.values if found else ()

    def links(self) -> Iterator[CategoryKey]:
        """Every (category, key) pair."""
        for links in self.keys.values():
            yield from links

    def counts(self) -> Counts:
        """Count the elements; the entries are counted from the sizes of the sets, never listed."""
        links = list(self.links())
        return Counts(
            categories=len(self.categories),
            keys=len({link.key.key_id for link in (*links, *self.spare_keys)}),
            category_keys=len(links),
            values=len({value for found in self.value_sets.values() for value in found.values}),
            value_sets=len(self.value_sets),
            entries=sum(len(self.values_of(link)) for link in links),
            tags=len(self.tags),
        )
