"""A listing as one clean text, with the way back to the raw field of every character."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.image import IMAGES, ImageText
from schemas.listing import Listing
from udfs.text import CleanText, clean

SEPARATOR = " | "
MAX_TEXT = 6_000
ATTRIBUTES = "attributes."
LONG_FIELDS = ("title", "description")
FIELD_SHARE = 4
"""Raw characters of one field that are read, per character of the document: markup is about that much."""
RAW_SHARE = 16
"""Raw characters of all fields that are read, per character of the document."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a document: where it begins in the document, its raw and its clean text.

    Each line of an image's text is a part of its own, as what stands on two lines is not one phrase; `raw` is then the
    image's whole text.
    """

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
    """Title, description, brand, merchant attributes and image texts, joined; `title_end` is where the title ends."""

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


def document(listing: Listing, max_text: int = MAX_TEXT, images: Sequence[ImageText] = ()) -> Document:
    """Join a listing's fields and the words in its images, cut at about `max_text` clean characters.

    A long description leaves a third of them to what follows, as far as that needs it. Of hostile markup no more
    than a fixed amount is read, whatever the listing's size.
    """
    cleaned = _cleaned(listing, max_text)
    lines = [(image, line) for image in images for line in _lines(image.text)]
    room = max_text - len(cleaned["title"][1].text)
    short = sum(len(found.text) for name, (_, found) in cleaned.items() if name not in LONG_FIELDS)
    short += sum(len(line.text) for _, line in lines)
    parts: list[Part] = []
    text = ""
    for name, (raw, found) in cleaned.items():
        left = max_text - len(text)
        part = _cut(found, min(left, room - min(short, max_text // 3)) if name == "description" else left)
        if not part.text and name != "title":
            continue
        label = f"{name.removeprefix(ATTRIBUTES)}: " if name.startswith(ATTRIBUTES) else ""
        text += (SEPARATOR if parts else "") + clean(label).text
        parts.append(Part(name, len(text), raw, part))
        text += part.text
    for image, line in lines:
        part = _cut(line, max_text - len(text))
        if part.text:
            text += SEPARATOR
            parts.append(Part(f"{IMAGES}{image.number}", len(text), image.text, part))
            text += part.text
    return Document(text, tuple(parts), len(parts[0].clean.text))


def field_text(name: str, listing: Listing) -> str | None:
    """The raw text of a field by its name in evidence; None for one that the listing does not have, and for images."""
    if name.startswith(ATTRIBUTES):
        return listing.attributes.get(name.removeprefix(ATTRIBUTES))
    return {"title": listing.title, "description": listing.description, "brand": listing.brand}.get(name)


def _cleaned(listing: Listing, max_text: int) -> dict[str, tuple[str, CleanText]]:
    """Raw and clean text by field, in the document's order; fields that cannot have room are left out."""
    fields = [("title", listing.title), ("description", listing.description), ("brand", listing.brand or "")]
    fields += [(f"{ATTRIBUTES}{name}", text) for name, text in sorted(listing.attributes.items())]
    found: dict[str, tuple[str, CleanText]] = {}
    read = 0
    for name, raw in fields:
        if read > RAW_SHARE * max_text:
            break
        beginning = raw[: FIELD_SHARE * max_text]
        found[name] = (raw, clean(beginning))
        read += len(beginning)
    return found


def _lines(text: str) -> Iterator[CleanText]:
    """The clean lines of an image's text, with offsets into the whole of it."""
    start = 0
    for raw in text.split("\n"):
        line = clean(raw)
        yield CleanText(
            line.text, tuple(start + at for at in line.starts), tuple(start + at for at in line.ends)
        )
        start += len(raw) + 1


def _cut(cleaned: CleanText, length: int) -> CleanText:
    if len(cleaned.text) <= length:
        return cleaned
    length = max(length, 0)
    return CleanText(cleaned.text[:length], cleaned.starts[:length], cleaned.ends[:length])
