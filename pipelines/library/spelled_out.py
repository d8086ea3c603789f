"""Abbreviations with a number, spelled out as a key's values are: "G6" where the ontology has "Generation 5".

Source: ours; the ontology says of such a key that abbreviations are expanded, its values show into what.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_NUMBERED = re.compile(r"([A-Za-z][A-Za-z() -]*?)[ -]?(\d{1,2}[a-z]?)")
_ABBREVIATION = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{1,6})-?(\d{1,2}[a-z]?)(?![A-Za-z0-9])")
_WORD = re.compile(r"[A-Za-z]+")
MAX_JOINT = 2


@dataclass(frozen=True, slots=True)
class SpelledOut:
    """A value and the span of its abbreviation."""

    value: str
    start: int
    end: int


def templates_of(values: Iterable[tuple[str, int]]) -> Counter[str]:
    """The words before the number of values that are words and a number, with how often they were seen.

    >>> dict(templates_of([("Generation 5", 3), ("Generation 6", 2), ("Ultrium", 4)]))
    {'Generation': 5}
    """
    found: Counter[str] = Counter()
    for text, seen in values:
        for part in re.split(r"[/,]", text):
            match = _NUMBERED.fullmatch(part.strip())
            if match:
                found[match[1].strip()] += seen
    return found


def spelled_out(text: str, templates: Mapping[str, int]) -> list[SpelledOut]:
    """Every abbreviation of a text in the words of the templates, and two that a mark joins ("G4/G5") as one.

    >>> [found.value for found in spelled_out("rail kit G4/G5", {"Generation": 5})]
    ['Generation 4', 'Generation 5', 'Generation 4/Generation 5']
    """
    forms = [(words, _abbreviations(words)) for words in templates]
    single = [
        SpelledOut(f"{words} {match[2]}", *match.span())
        for match in _ABBREVIATION.finditer(text)
        for words, short in forms
        if match[1].lower() in short
    ]
    joint = [
        SpelledOut(one.value + text[one.end : other.start] + other.value, one.start, other.end)
        for one in single
        for other in single
        if 0 < other.start - one.end <= MAX_JOINT
    ]
    return single + joint


def _abbreviations(words: str) -> frozenset[str]:
    """What the words may be shortened to: their first letters, or the beginning of the first."""
    parts = [part.lower() for part in _WORD.findall(words)]
    initials = "".join(part[0] for part in parts)
    return frozenset({initials} | {parts[0][:length] for length in range(1, len(parts[0]) + 1)})
