"""An item's text with its evidence marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipelines.apps.page import Html, fill, join
from schemas.image import IMAGES
from schemas.knowledge import Evidence
from schemas.listing import Listing
from udfs.document import ATTRIBUTES, field_text

_AROUND = 140


def marked_fields(listing: Listing, evidence: Sequence[Evidence]) -> Html:
    """The fields that evidence is in, cut to what is around it; the title where there is none.

    The text of an image is not part of the listing: of it, only the supporting words are shown.
    """
    fields = dict.fromkeys(part.source_field for part in evidence)
    shown = [_marked_field(listing, name, [p for p in evidence if p.source_field == name]) for name in fields]
    return join([part for part in shown if part] or [_field("title", marked(listing.title, []))])


def marked(text: str, spans: Iterable[tuple[int, int]]) -> Html:
    """The text, escaped, with spans of code points marked; long stretches without any are left out.

    >>> marked("<b>Green tea", [(3, 8)])
    '&lt;b&gt;<mark>Green</mark> tea'
    """
    parts: list[object] = []
    done = 0
    for start, end in _merged(spans, len(text)):
        parts += [
            _shortened(text[done:start], done == 0, False),
            fill("<mark>{words}</mark>", words=text[start:end]),
        ]
        done = end
    return join([*parts, _shortened(text[done:], done == 0, True)], "")


def places_of(listing: Listing, values: Iterable[str]) -> tuple[Evidence, ...]:
    """Where a listing has values word for word, whatever their case: the first place of each in each field."""
    names = ("title", "brand", *(ATTRIBUTES + name for name in listing.attributes), "description")
    found = []
    for value in filter(str.strip, values):
        pattern = re.compile(r"\s+".join(map(re.escape, value.split())), re.IGNORECASE)
        for name in names:
            match = pattern.search(field_text(name, listing) or "")
            if match:
                found.append(Evidence(value, name, match.start(), match.end(), match[0]))
    return tuple(found)


def _marked_field(listing: Listing, name: str, evidence: Sequence[Evidence]) -> Html:
    text = field_text(name, listing)
    if text is None and name.startswith(IMAGES.removesuffix(".")):
        words = [
            fill("<mark>{words}</mark>", words=part.words or f"{part.value} (seen)") for part in evidence
        ]
        return _field(name, join(words, " … "))
    if text is None:
        return Html("")
    return _field(name, marked(text, [(part.start, part.end) for part in evidence]))


def _field(name: str, text: Html) -> Html:
    return fill('<div class="text"><code>{name}</code> {text}</div>', name=name, text=text)


def _merged(spans: Iterable[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Spans in order, inside the text, overlapping ones as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted((max(0, start), min(length, end)) for start, end in spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _shortened(text: str, is_first: bool, is_last: bool) -> str:
    """What is near the marks: the end of what is before the first, the beginning of what is after the last."""
    if is_first and is_last:
        return text if len(text) <= 2 * _AROUND else text[: 2 * _AROUND] + " …"
    if is_first:
        return text if len(text) <= _AROUND else "… " + text[-_AROUND:]
    if is_last:
        return text if len(text) <= _AROUND else text[:_AROUND] + " …"
    return text if len(text) <= 2 * _AROUND else f"{text[:_AROUND]} … {text[-_AROUND:]}"
