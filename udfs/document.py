"""A listing as one clean text, with the way back to the raw field of every character."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from schemas.listing import Listing
from udfs.text import CleanText, clean

SEPARATOR = " | "
MAX_TEXT = 6_000


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a document: where it begins in the document, its raw and its clean text."""

    name: str
    start: int
    raw: str
    clean: CleanText

    @property
    def end(self) -> int:
        """One past its last character in the document."""
        return self.start + len(self.clean.text)


@dataclass(frozen=True, slots=True)
class Document:
    """Title, description, brand and merchant attributes, joined; `title_end` is where the title ends."""

    text: str
    parts: tuple[Part, ...]
    title_end: int

    def part_at(self, start: int) -> Part:
        """The field that holds a character."""
        return self.parts[bisect_right([part.start for part in self.parts], start) - 1]

    def inside(self, start: int, end: int) -> bool:
        """Whether a span lies in one field, not in a separator or an attribute's name."""
        part = self.part_at(start)
        return part.start <= start < end <= part.end

    def locate(self, start: int, end: int) -> tuple[str, int, int, str]:
        """(field, raw start, raw end, raw words) of a span; a span over several fields is cut at the first's end."""
        part = self.part_at(start)
        first, last = part.clean.raw_span(start - part.start, min(end, part.end) - part.start)
        return part.name, first, last, part.raw[first:last]


def document(listing: Listing, max_text: int = MAX_TEXT) -> Document:
    """Join a listing's fields; over-long descriptions are cut at `max_text` clean characters."""
    fields = [("title", listing.title), ("description", listing.description)]
    if listing.brand:
        fields.append(("brand", listing.brand))
    fields += [(f"attributes.{name}", text) for name, text in sorted(listing.attributes.items())]
    parts: list[Part] = []
    text = ""
    for name, raw in fields:
        cleaned = _cut(clean(raw[: 4 * max_text]), max_text - len(text))
        if not cleaned.text and name != "title":
            continue
        label = f"{name.removeprefix('attributes.')}: " if name.startswith("attributes.") else ""
        text += (SEPARATOR if parts else "") + clean(label).text
        parts.append(Part(name, len(text), raw, cleaned))
        text += cleaned.text
    return Document(text, tuple(parts), len(parts[0].clean.text))


def _cut(cleaned: CleanText, length: int) -> CleanText:
    if len(cleaned.text) <= length:
        return cleaned
    length = max(length, 0)
    return CleanText(cleaned.text[:length], cleaned.starts[:length], cleaned.ends[:length])
