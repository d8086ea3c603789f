"""Records that the demo catalog is built from: facts, keys, product lines, categories.

Handwritten facts use a short notation, `canonical|english;english|chinese;chinese`. A word that begins with `+`
states the value in listings but is no synonym of the ontology; one that begins with `~` only implies the value; one
that begins with `-` is a synonym of the ontology that no sentence here could use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.demo.units import Norm, measure_surfaces


@dataclass(frozen=True, slots=True)
class Fact:
    """One value that a listing can state: its canonical text and the words that state it."""

    text: str
    en: tuple[str, ...]
    zh: tuple[str, ...]
    adjectives: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    implying: frozenset[str] = frozenset()
    number: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """An attribute key of one category, with the facts that its product lines draw from."""

    key_id: str
    name: str
    kind: str
    description: str
    synonyms: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    norm: Norm | None = None
    multi: bool = False
    lower: bool = False
    units: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A handwritten product line: its name, what is known of it, and how many SKUs it has (1: no SPU).

    `facts` is `key=value; key=one, other; key=both+of these; key=-`: a value, alternatives that SKUs differ in, several
    values at once, or none; a value that ends in `!` is stated in every text of the line.
    """

    brand: str
    name: str
    code: str
    price: float
    locale: str
    skus: int
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Sentence templates of one category in one language; `{key}` is where a fact is stated."""

    titles: tuple[str, ...]
    sentences: tuple[str, ...]
    intros: tuple[str, ...]
    outros: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A leaf category: its keys, its product lines and the words that its listings use."""

    category_id: str
    name: str
    parent_id: str
    description: str
    synonyms: tuple[str, ...]
    keys: tuple[Key, ...]
    vary: tuple[str, ...]
    lines: tuple[Line, ...]
    en: Phrases
    zh: Phrases
    name_key: str = "model_name"
    code_key: str = "model_number"
    code_style: str = "{code}-{digits}{letters}"

    def key(self, key_id: str) -> Key:
        """The key of that id. Errors: KeyError when the category has no such key."""
        for key in self.keys:
            if key.key_id == key_id:
                return key
        raise KeyError(f"{self.category_id} has no key {key_id}")


@dataclass(frozen=True, slots=True)
class Statement:
    """Words of a listing that state facts of one key: where they stand and what they mean."""

    key_id: str
    field: str
    surface: str
    values: tuple[str, ...]
    implied: bool = False


@dataclass(slots=True)
class Draft:
    """A listing in the making: the row, the statements behind its gold, and notes on what is odd about it."""

    row: dict[str, object]
    category: Category
    statements: list[Statement]
    notes: list[str] = field(default_factory=list)

    def text(self, name: str) -> str:
        """A text field of the row as a string."""
        return str(self.row[name])

    def gold(self) -> dict[str, list[str]]:
        """What the listing states, key by key: every value once, in order; [] for a key that it does not state.

        A merchant attribute counts only where title and description are silent about the key.
        """
        found: dict[str, list[str]] = {key.key_id: [] for key in self.category.keys}
        prose = {s.key_id for s in self.statements if not s.field.startswith("attributes.")}
        for said in self.statements:
            if said.field.startswith("attributes.") and said.key_id in prose:
                continue
            for value in said.values:
                if value not in found[said.key_id]:
                    found[said.key_id].append(value)
        return found


def words(text: str) -> tuple[str, ...]:
    """The parts of a `;` list, without empty ones."""
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _said(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.lstrip("+~") for part in parts if part[0] != "-")


def read_fact(notation: str, canonical_is_said: bool = True) -> Fact:
    """Parse one fact from the notation of this module.

    >>> read_fact("Black|midnight black;+obsidian black|黑色").en
    ('Black', 'midnight black', 'obsidian black')
    >>> read_fact("2|two;~dual SIM|双卡", canonical_is_said=False).en
    ('two', 'dual SIM')
    """
    text, english, chinese = [*notation.split("|"), "", ""][:3]
    en, zh = words(english), words(chinese)
    own = (text,) if canonical_is_said else ()
    return Fact(
        text=text,
        en=own + _said(en),
        zh=_said(zh) or own or _said(en),
        synonyms=tuple(part.removeprefix("-") for part in en + zh if part[0] not in "+~"),
        implying=frozenset(part[1:] for part in en + zh if part[0] == "~"),
    )


def read_measure(notation: str, norm: Norm, units: tuple[str, ...]) -> Fact:
    """Parse `6.1 in` into a fact: its normalised text and its spellings in every unit that keeps the value.

    Errors: ValueError when the normalised value lies on a rounding tie.
    """
    number, unit = notation.split(" ", 1)
    said = measure_surfaces(number, unit, norm, units)
    return Fact(norm.apply(number, unit), said["en"], said["zh"], said["adj"], number=number, unit=unit)


def fact_for(key: Key, notation: str) -> Fact:
    """The fact that a product line means by a word: a listed one, a measure, or a new free value.

    Errors: ValueError for an enumerated value that the key does not have.
    """
    for fact in key.facts:
        if fact.text == notation or (fact.number and f"{fact.number} {fact.unit}" == notation):
            return fact
    if key.kind == "measure" and key.norm is not None and key.units:
        return read_measure(notation, key.norm, key.units)
    if key.kind == "enumerated" or key.kind == "measure":
        raise ValueError(f"key {key.key_id} has no value {notation!r}; add it to the key's facts")
    return read_fact(notation)
