"""Tokens with offsets, and the match form by which a value is found whatever its hyphens, case or plural."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]|\d+(?:[.,]\d+)*|[^\W\d_{_CJK}]+|[^\s]")
MAX_GRAM = 8


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a text: `form` is its match form, "" for punctuation."""

    start: int
    end: int
    form: str


def tokenize(text: str) -> list[Token]:
    """Words, numbers, single CJK characters and single marks, with offsets.

    >>> [t.form for t in tokenize("Women's 14k-Gold 保温杯")]
    ['women', '', 's', '14', 'k', '', 'gold', '保', '温', '杯']
    """
    return [Token(m.start(), m.end(), _form(m[0])) for m in _TOKEN.finditer(text)]


def _form(token: str) -> str:
    return token.lower() if token[0].isalnum() else ""


def stem(form: str) -> str:
    """A word without its plural ending.

    >>> stem("boxes"), stem("glass"), stem("cubes"), stem("batteries")
    ('box', 'glass', 'cube', 'battery')
    """
    if len(form) < 4 or not form.isalpha() or form.endswith("ss"):
        return form
    if form.endswith("ies") and len(form) > 4:
        return form[:-3] + "y"
    if form.endswith(("xes", "ches", "shes", "sses")):
        return form[:-2]
    return form[:-1] if form.endswith("s") else form


def match_form(text: str) -> str:
    """The form under which a value is looked up: stemmed tokens without marks.

    >>> match_form("Stainless-Steel") == match_form("stainless steels")
    True
    """
    return " ".join(stem(token.form) for token in tokenize(text) if token.form)


def grams(tokens: Sequence[Token], longest: int = MAX_GRAM) -> list[tuple[str, int, int]]:
    """(match form, start, end) of every run of up to `longest` words; marks inside a run are passed over."""
    words = [token for token in tokens if token.form]
    stems = [stem(token.form) for token in words]
    found = []
    for first in range(len(words)):
        form = ""
        for last in range(first, min(first + longest, len(words))):
            form = stems[last] if last == first else f"{form} {stems[last]}"
            found.append((form, words[first].start, words[last].end))
    return found
