"""A labelled set of listings, split, with an ontology that knows only what the training items state."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipelines.library.keys import CategoryView, CategoryViews
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from schemas.listing import Listing
from udfs.text import fold

Gold = Mapping[str, Mapping[str, Sequence[str]]]
Similar = Callable[[str, CategoryView], Sequence[Mapping[int, float]]]


def nothing_similar(_item_id: str, _view: CategoryView) -> Sequence[Mapping[int, float]]:
    """No search by the encoder."""
    return ()


@dataclass(frozen=True)
class LabelledSet:
    """Listings with gold, and an ontology that knows only what the training items state.

    `pseudo`: item -> key -> who labelled it, where that is not gold. `similar`: item -> what the encoder's search finds per
    key of its category; nothing without an encoder. `counted`: whether the ontology counts what the items of `train_ids` state.
    """

    name: str
    listings: Mapping[str, Listing]
    gold: Gold
    views: CategoryViews
    train_ids: tuple[str, ...]
    held_out_ids: tuple[str, ...]
    several: frozenset[tuple[str, str]]
    pseudo: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    similar: Similar = nothing_similar
    counted: bool = True

    def held_out(self) -> LabelledSet:
        """The held-out items in the place of the training items, for examples that a model is judged by."""
        return replace(self, train_ids=self.held_out_ids, held_out_ids=(), counted=False)


@dataclass(frozen=True, slots=True)
class PseudoLabels:
    """Labels that a reference model gave: item -> key -> values, and its name."""

    labels: Gold
    by: str


def labelled_set(
    name: str,
    snapshot: Snapshot,
    listings: Sequence[Listing],
    gold: Gold,
    held_out: frozenset[str],
    pseudo: PseudoLabels | None = None,
) -> LabelledSet:
    """Put a set together. Items without category or labels are left out.

    Pseudo-labels never stand in for gold, nor for what is held out. Without any gold, nothing of the ontology is known to
    come from the items to be held out: then it is taken whole, with the counts that it has.
    """
    unlabelled = not any(gold.values())
    gold, sources = _joined(gold, held_out, pseudo)
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
    views = CategoryViews(seen_ontology(snapshot, seen, whole=unlabelled))
    held = tuple(item_id for item_id in usable if item_id in held_out)
    return LabelledSet(name, usable, gold, views, train, held, many, sources)


def seen_ontology(
    snapshot: Snapshot, seen: Mapping[tuple[str, str], Counter[str]], whole: bool = False
) -> Snapshot:
    """The ontology with only the values that were seen, counted as often as seen, and their synonyms.

    `whole`: with all its values, what was seen added to its own counts.
    """
    keys: dict[str, tuple[CategoryKey, ...]] = {}
    sets: dict[str, ValueSet] = {}
    for category_id, links in snapshot.keys.items():
        changed = []
        for link in links:
            set_id = f"{category_id}/{link.key.key_id}"
            counts = Counter(seen.get((category_id, link.key.key_id), Counter()))
            if whole:
                counts.update({value.text: value.frequency for value in snapshot.values_of(link)})
            other_names = {fold(value.text): value.synonyms for value in snapshot.values_of(link)}
            values = tuple(
                Value(f"{set_id}/{n}", text, count, other_names.get(fold(text), ()))
                for n, (text, count) in enumerate(sorted(counts.items()))
            )
            sets[set_id] = ValueSet(set_id, link.key.name, values)
            changed.append(CategoryKey(link.key, set_id))
        keys[category_id] = tuple(changed)
    return Snapshot(snapshot.version, snapshot.categories, keys, sets)


def _joined(
    gold: Gold, held_out: frozenset[str], pseudo: PseudoLabels | None
) -> tuple[Gold, Mapping[str, Mapping[str, str]]]:
    """Gold and, where it says nothing about a training item's key, the pseudo-label; and which keys have one."""
    if pseudo is None:
        return gold, {}
    whole = {item_id: dict(labels) for item_id, labels in gold.items()}
    sources: dict[str, dict[str, str]] = defaultdict(dict)
    for item_id, labels in pseudo.labels.items():
        for key_id, values in labels.items():
            if item_id not in held_out and key_id not in whole.get(item_id, {}):
                whole.setdefault(item_id, {})[key_id] = list(values)
                sources[item_id][key_id] = pseudo.by
    return whole, sources
