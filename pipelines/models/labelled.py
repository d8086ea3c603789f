"""A labelled set of listings, split, with an ontology that knows only what the training items state."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.library.keys import CategoryViews
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from schemas.listing import Listing
from udfs.text import fold

Gold = Mapping[str, Mapping[str, Sequence[str]]]


@dataclass(frozen=True)
class LabelledSet:
    """Listings with gold, and an ontology that knows only what the training items state."""

    name: str
    listings: Mapping[str, Listing]
    gold: Gold
    views: CategoryViews
    train_ids: tuple[str, ...]
    held_out_ids: tuple[str, ...]
    several: frozenset[tuple[str, str]]


def labelled_set(
    name: str, snapshot: Snapshot, listings: Sequence[Listing], gold: Gold, held_out: frozenset[str]
) -> LabelledSet:
    """Put a set together. Items without category or gold are left out."""
    usable = {
        item.item_id: item
        for item in listings
        if item.category_id in snapshot.categories and item.item_id in gold
    }
    train = tuple(item_id for item_id in usable if item_id not in held_out)
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    several: Counter[tuple[str, str]] = Counter()
    stated: Counter[tuple[str, str]] = Counter()
    for item_id in train:
        for key_id, values in gold[item_id].items():
            pair = (str(usable[item_id].category_id), key_id)
            seen[pair].update(values)
            stated[pair] += bool(values)
            several[pair] += len(values) > 1
    many = frozenset(pair for pair, count in several.items() if count >= max(2, 0.02 * stated[pair]))
    views = CategoryViews(seen_ontology(snapshot, seen))
    return LabelledSet(name, usable, gold, views, train, tuple(i for i in usable if i in held_out), many)


def seen_ontology(snapshot: Snapshot, seen: Mapping[tuple[str, str], Counter[str]]) -> Snapshot:
    """The ontology with only the values that were seen, counted as often as seen, and their synonyms."""
    keys: dict[str, tuple[CategoryKey, ...]] = {}
    sets: dict[str, ValueSet] = {}
    for category_id, links in snapshot.keys.items():
        changed = []
        for link in links:
            set_id = f"{category_id}/{link.key.key_id}"
            counts = seen.get((category_id, link.key.key_id), Counter())
            other_names = {fold(value.text): value.synonyms for value in snapshot.values_of(link)}
            values = tuple(
                Value(f"{set_id}/{n}", text, count, other_names.get(fold(text), ()))
                for n, (text, count) in enumerate(sorted(counts.items()))
            )
            sets[set_id] = ValueSet(set_id, link.key.name, values)
            changed.append(CategoryKey(link.key, set_id))
        keys[category_id] = tuple(changed)
    return Snapshot(snapshot.version, snapshot.categories, keys, sets)
