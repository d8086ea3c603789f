"""What a model is kept from ever learning, so that it can be asked how well new ontology entries work without retraining.

Held out are a fifth of the values of enumerated and free keys (numbers and codes are read by rule, not known beforehand), a
fifth of the keys whole, at least one a set, and one whole category a set, of its smaller half; a set with one category keeps
it. The choice is by a digest of the name's match form, so it is the same in every set and under every key, on any machine:
a value held out is nowhere the label of anything. Five turns hold out every value and key once.

Blind training labels lack every pair that states a held-out value, and all pairs of held-out keys and categories: the pair is
not there, which is not the same as "not stated". The blind ontology keeps every entry with its text and loses the counts of
those held out, as if an expert had added them today. Source: ours (design.md: a new entry works at once).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pipelines.apps.evaluation_set import EvaluationSet, training_part
from pipelines.ontology.identity import Identities
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from schemas.gold import GoldPair
from schemas.listing import Listing
from schemas.ontology import AttributeKey, Category
from udfs.split import split_fifth
from udfs.text import fold
from udfs.tokens import match_form

TURNS = 5
KINDS = ("enumerated", "free")
ENOUGH_VALUES = 30
VALUES, KEYS, CATEGORY, REST = "values", "keys", "category", "rest"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What is held out, by the forms of names (`form_of`): values with their synonyms, keys, and categories."""

    values: frozenset[str]
    keys: frozenset[str]
    categories: frozenset[str]
    turn: int = 0

    def part_of(self, category: Category, key: AttributeKey, values: Iterable[str]) -> str:
        """Where a labelled pair belongs: CATEGORY, else KEYS, else VALUES, else REST; each pair is in one part."""
        if form_of(category.name) in self.categories:
            return CATEGORY
        if form_of(key.name) in self.keys:
            return KEYS
        return VALUES if any(self.has_value(key, value) for value in values) else REST

    def has_value(self, key: AttributeKey, value: str) -> bool:
        """Whether a key's value is held out for itself."""
        return key.value_kind in KINDS and form_of(value) in self.values


@dataclass(frozen=True, slots=True)
class Label:
    """A gold pair with the category and the key that it is of."""

    pair: GoldPair
    category: Category
    link: CategoryKey


@dataclass(frozen=True)
class Labels:
    """The labels of some listings of a known category, in the order of gold; those of keys that it lacks are left out."""

    ontology: Snapshot
    gold: Sequence[GoldPair]
    listings: Sequence[Listing]

    @cached_property
    def _links(self) -> Mapping[str, Mapping[str, CategoryKey]]:
        used = {item.category_id for item in self.listings if item.category_id in self.ontology.categories}
        return {
            str(name): {link.key.key_id: link for link in self.ontology.keys_of(str(name))} for name in used
        }

    def __iter__(self) -> Iterator[Label]:
        categories = {item.item_id: str(item.category_id) for item in self.listings}
        for pair in self.gold:
            category_id = categories.get(pair.item_id, "")
            link = self._links.get(category_id, {}).get(pair.key_id)
            if link is not None:
                yield Label(pair, self.ontology.categories[category_id], link)


def form_of(name: str) -> str:
    """The form by which names are held out: spellings that differ in case, marks or plural only go together.

    >>> form_of("T-Shirts") == form_of("t shirt"), form_of("%")
    (True, '%')
    """
    return match_form(name) or fold(name)


def choose(sets: Mapping[str, EvaluationSet], turn: int = 0) -> HeldOut:
    """Choose for some sets, given whole, together: what one of them holds out is held out of all.

    Errors: ValueError for a turn that there is not.
    """
    if not 0 <= turn < TURNS:
        raise ValueError(f"turn {turn}: there are turns 0 to {TURNS - 1}")
    values: set[str] = set()
    keys: set[str] = set()
    categories: set[str] = set()
    for name in sorted(sets):
        train, test = _parts(sets[name])
        values |= {
            text
            for entry in _stated_entries(train)
            if _place("value", form_of(entry.text), turn) < 1
            for text in map(form_of, (entry.text, *entry.synonyms))
        }
        keys |= _some_keys(train, test, keys, turn)
        categories |= _one_category(sets[name].ontology, train, test, categories, turn)
    return HeldOut(frozenset(values), frozenset(keys), frozenset(categories), turn)


def blind_labels(found: EvaluationSet, held: HeldOut) -> list[GoldPair]:
    """The labels of the training part that show nothing of what is held out."""
    train, _ = _parts(found)
    return [one.pair for one in train if held.part_of(one.category, one.link.key, one.pair.values) == REST]


def blind_ontology(ontology: Snapshot, held: HeldOut) -> Snapshot:
    """The ontology with every entry, but without the counts of those held out."""
    identities = Identities()
    sets: dict[str, ValueSet] = {}
    keys: dict[str, tuple[CategoryKey, ...]] = {}
    for category_id, links in ontology.keys.items():
        category = ontology.categories[category_id]
        changed = []
        for link in links:
            values = [_blind(value, category, link.key, held) for value in ontology.values_of(link)]
            made = identities.value_set_of(link.key.name, values) if values else ValueSet("", "", ())
            sets[made.value_set_id] = made
            changed.append(replace(link, value_set_id=made.value_set_id))
        keys[category_id] = tuple(changed)
    sets.pop("", None)
    return replace(ontology, version=f"{ontology.version}-blind", keys=keys, value_sets=sets)


def _blind(value: Value, category: Category, key: AttributeKey, held: HeldOut) -> Value:
    is_held = held.part_of(category, key, (value.text,)) != REST
    return replace(value, frequency=0) if is_held else value


def _parts(found: EvaluationSet) -> tuple[Labels, Labels]:
    """The labels of the training part and of the held-out fifth."""
    _, test = split_fifth(found.listings)
    return (
        Labels(found.ontology, found.gold, training_part(found)),
        Labels(found.ontology, found.gold, test),
    )


def _stated_entries(train: Labels) -> set[Value]:
    """The ontology's values that training items state under keys of `KINDS`."""
    stated: dict[CategoryKey, set[str]] = defaultdict(set)
    for one in train:
        if one.link.key.value_kind in KINDS:
            stated[one.link].update(map(form_of, one.pair.values))
    return {
        value
        for link, forms in stated.items()
        for value in train.ontology.values_of(link)
        if form_of(value.text) in forms
    }


def _some_keys(train: Labels, test: Labels, known: set[str], turn: int) -> set[str]:
    """This turn's keys of a set; where none of them can be measured and none is held out yet, its next one that can."""
    learned = {form_of(one.link.key.name) for one in train if one.pair.values}
    measured = learned & {form_of(one.link.key.name) for one in test if one.pair.values}
    chosen = {form for form in learned if _place("key", form, turn) < 1}
    if not measured & (chosen | known):
        chosen |= set(sorted(measured, key=lambda form: _place("key", form, turn))[:1])
    return chosen


def _one_category(ontology: Snapshot, train: Labels, test: Labels, known: set[str], turn: int) -> set[str]:
    """One of the smaller half of a set's labelled categories, unless one is held out already.

    Only those with keys of their own: the counts of inherited ones are its siblings' too. Rather one with `ENOUGH_VALUES` to
    measure by.
    """
    items = {one.pair.item_id: one.category for one in train if one.category.category_id in ontology.keys}
    sizes = Counter(category.category_id for category in items.values())
    tested = Counter(one.category.category_id for one in test for _ in one.pair.values)
    forms = {category_id: form_of(ontology.categories[category_id].name) for category_id in sizes}
    if known & {forms[category_id] for category_id in sizes.keys() & tested}:
        return set()
    smaller = sorted(sizes, key=lambda category_id: (sizes[category_id], category_id))[: len(sizes) // 2]
    enough = [category_id for category_id in smaller if tested[category_id] >= ENOUGH_VALUES]
    usable = enough or [category_id for category_id in smaller if category_id in tested]
    return set(sorted({forms[one] for one in usable}, key=lambda form: _place("category", form, turn))[:1])


def _place(what: str, form: str, turn: int) -> float:
    """A name's place on a ring of `TURNS`, told from where a turn begins: below 1 it is held out in that turn."""
    digest = hashlib.blake2b(f"{what}\0{form}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) / 2**64 * TURNS - turn) % TURNS
