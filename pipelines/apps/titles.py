"""Short and long titles of a listing, put together from what was recognised in it (T9). Nothing is generated.

Every part is a fact with the words that support it: brand, then what the thing is, then attributes in the order of their
importance. The same facts always give the same titles; text of strangers can only ever be a part, never an instruction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.library.answers import Answer, ItemAnswers
from pipelines.ontology.snapshot import CategoryKey, Snapshot
from schemas.knowledge import Evidence
from schemas.listing import Listing
from schemas.ontology import IMPORTANCES, AttributeKey
from udfs.text import fold

SHORT_CHARACTERS = 40
LONG_CHARACTERS = 120
PART_CHARACTERS = 40
MAX_VALUES = 2
BRAND, KIND, ATTRIBUTE, TITLE = "brand", "kind", "attribute", "title"
BRAND_NAMES = frozenset({"brand", "brand name", "品牌"})
KIND_NAMES = frozenset({"type", "product type", "item type", "类型", "产品类型"})


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a title: its words, what it is, the key it answers ("" for none), and what supports it."""

    text: str
    role: str
    key_id: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Title:
    """A title and its parts, in order."""

    text: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Titles:
    """Both titles of a listing."""

    short: Title
    long: Title


def titles(listing: Listing, found: ItemAnswers, snapshot: Snapshot) -> Titles:
    """The titles of a listing from its answers. A listing without a usable fact keeps the beginning of its own title."""
    parts = _parts(listing, found, snapshot)
    return Titles(_title(listing, parts, SHORT_CHARACTERS), _title(listing, parts, LONG_CHARACTERS))


def _parts(listing: Listing, found: ItemAnswers, snapshot: Snapshot) -> list[Part]:
    """All parts, the most important first."""
    keys = {link.key.key_id: link.key for link in _links(snapshot, found.category_id)}
    order = {key_id: number for number, key_id in enumerate(keys)}
    facts = [answer for answer in found.answers if answer.values and answer.key_id in keys]
    facts.sort(key=lambda answer: (_rank(keys[answer.key_id]), order[answer.key_id]))
    brands = [_part(answer, BRAND) for answer in facts if _is_called(keys[answer.key_id], BRAND_NAMES)]
    kinds = [_part(answer, KIND) for answer in facts if _is_called(keys[answer.key_id], KIND_NAMES)]
    named = {part.key_id for part in (*brands, *kinds) if part}
    others = [_part(answer, ATTRIBUTE) for answer in facts if answer.key_id not in named]
    ordered = [*(brands or [_own_brand(listing)]), *(kinds or [_category(found, snapshot)]), *others]
    return _once(part for part in ordered if part is not None)


def _links(snapshot: Snapshot, category_id: str) -> Sequence[CategoryKey]:
    return snapshot.keys_of(category_id) if category_id in snapshot.categories else ()


def _rank(key: AttributeKey) -> int:
    return IMPORTANCES.index(key.importance)


def _is_called(key: AttributeKey, names: frozenset[str]) -> bool:
    return any(fold(name) in names for name in (key.name, *key.synonyms))


def _part(answer: Answer, role: str) -> Part | None:
    """A fact as a part; None where no words of the listing support it, or where it is too long for a title."""
    values = [value for value in answer.values if any(one.value == value for one in answer.evidence)][
        :MAX_VALUES
    ]
    text = clean(", ".join(values))
    if not text or len(text) > PART_CHARACTERS:
        return None
    return Part(text, role, answer.key_id, tuple(one for one in answer.evidence if one.value in values))


def _own_brand(listing: Listing) -> Part | None:
    """The brand as the merchant states it."""
    text = clean(listing.brand or "")
    if not text or len(text) > PART_CHARACTERS:
        return None
    words = listing.brand or ""
    return Part(text, BRAND, "", (Evidence(text, "brand", 0, len(words), words),))


def _category(found: ItemAnswers, snapshot: Snapshot) -> Part | None:
    """What the thing is, by its category; no words of the listing need to say it."""
    category = snapshot.categories.get(found.category_id)
    text = clean(category.name) if category else ""
    return Part(text, KIND, "", ()) if text and len(text) <= PART_CHARACTERS else None


def _once(parts: Iterable[Part]) -> list[Part]:
    """The parts without those whose words an earlier one has."""
    kept: list[Part] = []
    for part in parts:
        words = f" {fold(part.text)} "
        if not any(words in f" {fold(earlier.text)} " for earlier in kept):
            kept.append(part)
    return kept


def _title(listing: Listing, parts: Sequence[Part], most: int) -> Title:
    """As many parts as fit, in their order; one that does not fit is left out, a later one may."""
    chosen: list[Part] = []
    length = -1
    for part in parts:
        if length + 1 + len(part.text) <= most:
            chosen.append(part)
            length += 1 + len(part.text)
    if any(part.evidence for part in chosen):
        return Title(" ".join(part.text for part in chosen), tuple(chosen))
    return _beginning(listing, most)


def _beginning(listing: Listing, most: int) -> Title:
    """The listing's own title, up to the last whole word that fits."""
    end = _fitting(listing.title, most)
    if end < len(listing.title):
        blank = listing.title[: end + 1].rstrip().rfind(" ")
        end = blank if blank > 0 else end
    text = clean(listing.title[:end])
    evidence = (Evidence(text, "title", 0, end, listing.title[:end]),) if text else ()
    return Title(text, (Part(text, TITLE, "", evidence),) if text else ())


def _fitting(text: str, most: int) -> int:
    """How much of a text has at most so many characters once it is clean, read once from its beginning.

    >>> _fitting("Camp  Tin 9", 8), _fitting("Camp", 8)
    (9, 4)
    """
    length, is_apart = 0, False
    for place, one in enumerate(text):
        if not one.isprintable() or one.isspace():
            is_apart = length > 0
            continue
        length += 1 + is_apart
        is_apart = False
        if length > most:
            return place
    return len(text)


def clean(text: str) -> str:
    r"""Text on one line, without characters that do not print.

    >>> clean("Camp\tTin\u202e  9")
    'Camp Tin 9'
    """
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
