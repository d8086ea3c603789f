"""Cleaning of hostile, marked-up text that keeps, for every clean character, where it came from."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# A tag is dropped whole; script and style with what they enclose. "<3" and "a < b" are not tags.
_TAG = re.compile(r"<(!--)|<(script|style)\b[^>]{0,2000}>|</?[A-Za-z][^<>]{0,2000}>", re.I)
_END_OF = {
    "script": re.compile(r"</script\s*>", re.I),
    "style": re.compile(r"</style\s*>", re.I),
    "!--": re.compile(r"-->"),
}
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_BLOCK_TAG = re.compile(r"</?(?:p|br|div|li|ul|ol|tr|td|th|table|h\d)\b", re.I)
# Quotation marks, dashes and signs that listings use for one another.
_FOLD = str.maketrans({"“": '"', "”": '"', "″": '"', "’": "'", "‘": "'", "′": "'", "–": "-", "—": "-", "−": "-",
                       "×": "x", "，": ",", "：": ":", "；": ";", "（": "(", "）": ")", "【": "[", "】": "]", "、": ","})  # fmt: skip


@dataclass(frozen=True, slots=True)
class CleanText:
    """Clean text and, per clean character, the raw offset where it begins; `ends` are one past its last raw one."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Raw offsets of a clean span of at least one character."""
        return self.starts[start], self.ends[end - 1]


def clean(raw: str) -> CleanText:
    """Strip tags, decode entities, fold width and compatibility forms, drop control and direction marks.

    >>> clean("Men&#39;s <b>Tee</b>").text
    "Men's Tee"
    >>> c = clean("40&quot; Art"); c.raw_span(0, 3)
    (0, 8)
    """
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def put(piece: str, start: int, end: int) -> None:
        for char in piece:
            if char.isspace() or char == "\x00":
                char = " "
            if (char == " " and (not out or out[-1] == " ")) or unicodedata.category(char) in (
                "Cf",
                "Cc",
                "Cs",
                "Co",
            ):
                continue
            out.append(char)
            starts.append(start)
            ends.append(end)

    position = 0
    for start, end, replacement in _marks(raw):
        _put_plain(raw, position, start, put)
        put(replacement, start, end)
        position = end
    _put_plain(raw, position, len(raw), put)
    return CleanText("".join(out), tuple(starts), tuple(ends))


def _put_plain(raw: str, start: int, end: int, put: object) -> None:
    for offset in range(start, end):
        char = raw[offset]
        folded = char if char.isascii() else unicodedata.normalize("NFKC", char).translate(_FOLD)
        put(folded, offset, offset + 1)  # type: ignore[operator]


def _marks(raw: str) -> list[tuple[int, int, str]]:
    """Tags and entities of the raw text, in order, with what stands for each."""
    found: list[tuple[int, int, str]] = []
    position = 0
    for start, end, replacement in _tags(raw):
        found += _entities(raw, position, start)
        found.append((start, end, replacement))
        position = end
    return found + _entities(raw, position, len(raw))


def _tags(raw: str) -> Iterator[tuple[int, int, str]]:
    """Tags, and comments, scripts and styles whole, in order. Each end is looked for once: hostile text costs no more."""
    unclosed: set[str] = set()
    position = 0
    while (match := _TAG.search(raw, position)) is not None:
        name = (match[1] or match[2] or "").lower()
        closing = _END_OF[name].search(raw, match.end()) if name and name not in unclosed else None
        if name and closing is None:
            unclosed.add(name)
            if "<" in match[0][1:] or name == "!--":
                position = match.start() + 1
                continue
        position = closing.end() if closing else match.end()
        is_gap = (closing and name != "!--") or _BLOCK_TAG.match(match[0])
        yield match.start(), position, " " if is_gap else ""


def _entities(raw: str, start: int, end: int) -> list[tuple[int, int, str]]:
    """Entities of a piece without tags."""
    found = []
    for match in _ENTITY.finditer(raw, start, end):
        decoded = html.unescape(match[0])
        if decoded != match[0]:
            found.append((*match.span(), unicodedata.normalize("NFKC", decoded).translate(_FOLD)))
    return found


def fold(text: str) -> str:
    """Lower case, white space folded: the form in which values are compared (interchange scoring).

    >>> fold("  Stainless   STEEL ")
    'stainless steel'
    """
    return " ".join(text.split()).lower()
