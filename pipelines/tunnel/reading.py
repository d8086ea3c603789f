"""What is known of one item, put together for a reader: facts, and the item's own words that support them (B1, B4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from schemas.item import Item
from schemas.knowledge import Evidence, KnowledgeRow
from udfs.version import MARKERS

TEXT_FIELDS = ("title", "description", "brand")
ATTRIBUTES = "attributes."
SHOWN_WHOLE = 1_200
AROUND = 80


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a field's text; `values` are those that it supports, none for plain text. `cut`: text was left out before it."""

    text: str
    values: tuple[str, ...] = ()
    cut: bool = False


@dataclass(frozen=True, slots=True)
class FieldText:
    """One field of an item in pieces."""

    name: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item and what is known of it. `item` is None where its text was not kept."""

    item_id: str
    item: Item | None
    facts: tuple[KnowledgeRow, ...]
    fields: tuple[FieldText, ...]


def item_view(item_id: str, item: Item | None, rows: Iterable[KnowledgeRow]) -> ItemView:
    """What there is to show: live facts, stated ones first, and the fields with evidence or text."""
    live = [row for row in rows if not row.is_deleted and row.attr_id not in MARKERS]
    facts = sorted(live, key=lambda row: (not row.value_texts, row.attr_id))
    evidence = [found for row in facts for found in row.evidence]
    return ItemView(item_id, item, tuple(facts), tuple(field_texts(item, evidence)) if item else ())


def field_texts(item: Item, evidence: Sequence[Evidence]) -> Iterable[FieldText]:
    """The item's fields with the supporting words marked; evidence that does not fit the text is left out.

    It does not fit where the listing changed after the fact was found.
    """
    texts = {name: getattr(item, name) or "" for name in TEXT_FIELDS}
    texts |= {f"{ATTRIBUTES}{name}": text for name, text in item.attributes.items()}
    for name, text in texts.items():
        found = [
            one for one in evidence if one.source_field == name and text[one.start : one.end] == one.words
        ]
        if text:
            yield FieldText(name, tuple(_shortened(_pieces(text, found))))


def _pieces(text: str, evidence: Sequence[Evidence]) -> list[Piece]:
    """The text cut at the ends of all evidence; a piece says which values it supports."""
    marks = [one for one in evidence if one.start < one.end]
    cuts = sorted({0, len(text), *(one.start for one in marks), *(one.end for one in marks)})
    pieces = []
    for begin, end in pairwise(cuts):
        values = {one.value: None for one in marks if one.start <= begin and end <= one.end}
        pieces.append(Piece(text[begin:end], tuple(values)))
    return pieces


def _shortened(pieces: Sequence[Piece]) -> list[Piece]:
    """Of a long text, what stands around its evidence."""
    if sum(len(piece.text) for piece in pieces) <= SHOWN_WHOLE:
        return list(pieces)
    shown = []
    for number, piece in enumerate(pieces):
        head_length = AROUND if number else 3 * AROUND
        if piece.values or len(piece.text) <= head_length + AROUND:
            shown.append(piece)
            continue
        tail = piece.text[-AROUND:] if number + 1 < len(pieces) else ""
        shown += [Piece(piece.text[:head_length]), Piece(tail, cut=True)]
    return shown
