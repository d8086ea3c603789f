"""One version of the ontology in memory: categories, their keys, and value sets that categories share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.ontology import AttributeKey, Category, ScenarioTag


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a set; the category and key that use it are told by the link, not by the value."""

    value_id: str
    text: str
    frequency: int = 0
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueSet:
    """Values that one or many (category, key) pairs share. `context` is the key name they are encoded under."""

    value_set_id: str
    context: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class CategoryKey:
    """A key as one category has it, with the value set that it uses ("" when it has no values)."""

    key: AttributeKey
    value_set_id: str


@dataclass(frozen=True)
class Snapshot:
    """One whole, immutable version of the ontology."""

    version: str
    categories: Mapping[str, Category]
    keys: Mapping[str, tuple[CategoryKey, ...]]
    value_sets: Mapping[str, ValueSet]
    tags: Mapping[str, ScenarioTag] = field(default_factory=dict)

    def ancestors(self, category_id: str) -> Iterator[str]:
        """The category itself, then its parents up to the root."""
        current: str | None = category_id
        while current is not None:
            yield current
            current = self.categories[current].parent_id

    def keys_of(self, category_id: str) -> tuple[CategoryKey, ...]:
        """The keys an item of this category is asked for: its own, else those of the nearest ancestor with any.

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
