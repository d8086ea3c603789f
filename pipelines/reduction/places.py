"""Places of numbers: in the same sentence filled anew, a number that stands where another key's stood is that key's (L4).

"Memory: 16GB, soldered" beside the sibling's "Memory: 8GB, soldered": whatever was no height there is no height here. A place is
the words before a number in its clause, or in a row of numbers all of its sentence, the word after it, and what is measured there;
of a merchant's attribute, its name as well. Numbers inside a code stand where the code stands.
Source: paper section 4.3.1 (2) gives a model the difference of fields; telling from it by rule whose number changed: ours.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat

import pint

from pipelines.library.keys import KeyView
from pipelines.reduction.lend import SENTENCE
from schemas.listing import Listing
from udfs.document import ATTRIBUTES, field_text
from udfs.normalize import NUMBER, Surface, extracted
from udfs.quantity import Quantity, quantities, unit
from udfs.text import clean, fold

COUNTED = frozenset(["count", "bag", "bags", "unit", "units"])
"""Words for what is counted, which the units library takes for units: "6 count", "20 bags"."""
BARE, INSIDE = "bare", "inside"
Way = pint.Unit | str
"""How a number is said: with a unit, bare, or inside a word ("EU42", "VB-181")."""
Sentence = tuple[str, str]
TEXT = "text"
KEPT_LISTINGS, KEPT_LISTING_CHARACTERS = 256, 20_000
KEPT_SENTENCES, KEPT_CHARACTERS, KEPT_DIGITS = 4_096, 1_000, 100
"""What is kept of what was split and read last; longer listings and sentences, and those full of numbers, are read each time."""
WORDS_BEFORE, CLAUSE_WORDS, CONTEXT_CHARACTERS = 2, 2, 60
_WORD = re.compile(r"[\u4e00-\u9fff]|\w+")
_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[A-Za-z]+")
_CLAUSE = re.compile(r"[,，;；|]")
_CODE_BEFORE, _CODE_AFTER = (
    re.compile(r"[A-Za-z0-9][A-Za-z0-9\-._]*\Z"),
    re.compile(r"[A-Za-z0-9\-._]*[A-Za-z0-9]"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a number stands: in title and description or in which attribute, between which words, and what it measures."""

    kind: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    measures: str

    @property
    def tells(self) -> bool:
        """Whether it is told from other places: a bare sentence of a number is none."""
        return bool(self.before or self.after) or self.kind != TEXT

    @property
    def has_unit(self) -> bool:
        """Whether a number with a unit stands there."""
        return self.measures != BARE and not self.measures.startswith(INSIDE)


def of_others(view: KeyView, here: Listing, there: Listing, values: Set[str]) -> set[str]:
    """Possible values of a key in `here`, folded, that stand where `there` has what is no value of it.

    `values`: those of `there`, folded. All places must tell so, of a value with a unit one: "256 GB" is what it is wherever else
    it is said, while six of something may be inches here and pieces there. None may be a place of `values`.
    """
    own: set[Place] = set()
    others: set[Place] = set()
    for place, value in possible_at(there, view):
        (own if value in values else others).add(place)
    told: dict[str, set[Place]] = defaultdict(set)
    for place, value in possible_at(here, view):
        told[value].add(place)
    others = {place for place in others - own if place.tells}
    one_will_do = view.rule.kind != NUMBER
    return {
        value
        for value, places in told.items()
        if not places & own
        and (places <= others or (one_will_do and any(place.has_unit for place in places & others)))
    }


def takes_place_of(view: KeyView, here: Listing, there: Listing, value: str, instead_of: str) -> bool:
    """Whether `here` says one value, folded, at a place where `there` says the other."""
    own = {place for place, said in possible_at(there, view) if said == instead_of and place.tells}
    return any(place in own for place, said in possible_at(here, view) if said == value)


def stand_alike(view: KeyView, here: Listing, there: Listing, values: Set[str]) -> bool:
    """Whether `here` says each of these values at a place where `there` does, and no less often."""
    before, after = (Counter(possible_at(one, view)) for one in (there, here))
    said = {value for place, value in before.keys() & after.keys() if place.tells}
    return values <= said and all(_times(after, value) >= _times(before, value) for value in values)


def possible_at(listing: Listing, view: KeyView) -> Iterator[tuple[Place, str]]:
    """Each possible value that a key's rule reads in a listing, folded, and where."""
    for (kind, sentence), times in sentences_of(listing).items():
        text = cleaned(sentence)
        found = numbers_of(text)
        numbers = {number.start: number for number in found}
        for one in extracted(text, view.rule, found):
            place = _place(kind, text, one, numbers.get(one.start))
            yield from repeat((place, fold(one.value)), times)


def _times(found: Mapping[tuple[Place, str], int], value: str) -> int:
    return sum(times for (_, said), times in found.items() if said == value)


def _place(kind: str, text: str, one: Surface, number: Quantity | None) -> Place:
    end = max(one.end, number.end) if number else one.end
    measures = _measures(way_of(text, number)) if number else BARE
    window = max(0, one.start - CONTEXT_CHARACTERS)
    before, after = _CODE_BEFORE.search(text, window, one.start), _CODE_AFTER.match(text, end)
    start, stop = before.start() if before else one.start, after.end() if after else end
    if before or after:
        measures = _inside(text[start : one.start], text[end:stop])
    return Place(kind, _before(text, start), _shapes(_word_after(text, stop)), measures)


def _inside(before: str, after: str) -> str:
    """What stands around a number in its word: "EU" of "EU42", "-star" of "5-star"; of a code only how it is made up."""
    if before and (after or not before.isalpha()):
        before, after = (_LETTERS.sub("A", _DIGITS.sub("9", text)) for text in (before, after))
    return f"{INSIDE} {before.lower()}_{after.lower()}"


def _before(text: str, start: int) -> tuple[str, ...]:
    """What tells a number from those beside it: the words of its clause, or in a row of numbers all of its sentence."""
    said = text[max(0, start - CONTEXT_CHARACTERS) : start]
    clause = _shapes(map(fold, _WORD.findall(_CLAUSE.split(said)[-1])))
    if len([word for word in clause if word != "9" and len(word) + (not word.isascii()) > 1]) >= CLAUSE_WORDS:
        return clause
    return _shapes(map(fold, _WORD.findall(said)))


def _shapes(words: Iterable[str]) -> tuple[str, ...]:
    """Words with one digit for each number: "0 29720" is one place in all codes of a barcode."""
    return tuple(_DIGITS.sub("9", word) for word in words)


def sentences_of(listing: Listing) -> Counter[Sentence]:
    """How often a listing says each sentence; a merchant's attribute is one, by its name. Not to be changed."""
    fields = tuple((kind_of(name), field_text(name, listing) or "") for name in fields_of(listing))
    is_short = sum(len(text) for _, text in fields) <= KEPT_LISTING_CHARACTERS
    return _kept_sentences(fields) if is_short else _sentences(fields)


@lru_cache(maxsize=KEPT_LISTINGS)
def _kept_sentences(fields: tuple[Sentence, ...]) -> Counter[Sentence]:
    return _sentences(fields)


def _sentences(fields: tuple[Sentence, ...]) -> Counter[Sentence]:
    found: Counter[Sentence] = Counter()
    for kind, field in fields:
        for text in SENTENCE.split(field):
            if text.strip():
                found[kind, text.strip()] += 1
    return found


def cleaned(sentence: str) -> str:
    """A sentence without markup; siblings share most of theirs, so it is made once."""
    return _cleaned(sentence) if len(sentence) <= KEPT_CHARACTERS else clean(sentence).text


def numbers_of(text: str) -> Sequence[Quantity]:
    """The numbers of a clean sentence, found once."""
    is_short = len(text) <= KEPT_CHARACTERS and sum(map(str.isdigit, text)) <= KEPT_DIGITS
    return _numbers(text) if is_short else quantities(text)


@lru_cache(maxsize=KEPT_SENTENCES)
def _cleaned(sentence: str) -> str:
    return clean(sentence).text


@lru_cache(maxsize=KEPT_SENTENCES)
def _numbers(text: str) -> tuple[Quantity, ...]:
    return tuple(quantities(text))


def fields_of(listing: Listing) -> list[str]:
    """Names of the fields that say something of the item."""
    return ["title", "description", "brand", *(f"{ATTRIBUTES}{name}" for name in listing.attributes)]


def kind_of(name: str) -> str:
    """Title and description say things in one way, each attribute in its own."""
    return name if name.startswith(ATTRIBUTES) else TEXT


def way_of(text: str, quantity: Quantity) -> Way:
    """How a number is said."""
    is_unit = bool(quantity.unit_text) and quantity.unit_text.lower() not in COUNTED
    known = unit(quantity.unit_text) if is_unit else None
    return known or (INSIDE if is_inside(text, quantity.start) else BARE)


def is_inside(text: str, start: int) -> bool:
    """Whether a place is inside a word, as the number of a code is."""
    before = text[max(0, start - 2) : start]
    return bool(before) and (
        (before[-1].isascii() and before[-1].isalnum()) or (before[-1] in "-/." and before[:1].isalnum())
    )


def words_before(text: str, start: int) -> tuple[str, ...]:
    """The last words before a place of a text, folded."""
    return tuple(map(fold, _WORD.findall(text[max(0, start - CONTEXT_CHARACTERS) : start])[-WORDS_BEFORE:]))


def _word_after(text: str, end: int) -> tuple[str, ...]:
    found = _WORD.search(text, end, end + CONTEXT_CHARACTERS)
    return (fold(found[0]),) if found else ()


@lru_cache(maxsize=1024)
def _measures(way: Way) -> str:
    """The dimension, so that "1.7 fl oz" and "50 ml" stand at one place."""
    return way if isinstance(way, str) else str(way.dimensionality)
