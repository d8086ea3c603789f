"""The words of a listing that state a value: what extraction is trained to copy, and code can make the value of again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipelines.library.candidates import ItemText
from pipelines.library.keys import CategoryView, KeyView
from udfs.normalize import extracted, normalized
from udfs.prompts import as_data
from udfs.replies_tasks import find_words, sayable
from udfs.text import fold
from udfs.tokens import match_form


def value_of(words: str, category: CategoryView, position: int) -> str:
    """The canonical value that code makes of a listing's words for one key: computed, known to the ontology, or themselves."""
    key = category.keys[position]
    if key.rule.computes:
        return normalized(words, key.rule)
    known = key.positions.get(fold(words))
    if known is None:
        places = category.surfaces.get(match_form(words), ())
        known = next((value for owner, value in places if owner == position), None)
    return key.canonical(" ".join(words.split())) if known is None else key.values[key.same_as[known]].text


def surfaces(text: ItemText, category: CategoryView, position: int, value: str) -> Iterator[str]:
    """Words of a listing that state a value, in the order of the text; those from which code makes no such value are left out."""
    for start, end in sorted(set(_spans(text, category.keys[position], value)), key=lambda s: (s[0], -s[1])):
        words = as_data(text.document.text[start:end])
        if sayable(words) and fold(value_of(words, category, position)) == fold(value):
            yield words


def stated_words(
    text: ItemText, category: CategoryView, position: int, values: Sequence[str], shown: Sequence[str]
) -> tuple[str, ...] | None:
    """Words that a prompt shows for every one of the values; None when one of them is not stated in words."""
    found = []
    for value in values:
        for words in surfaces(text, category, position, value):
            place = find_words(words, shown)
            if place is not None and place.words == words:
                found.append(words)
                break
        else:
            return None
    return tuple(dict.fromkeys(found))


def _spans(text: ItemText, key: KeyView, value: str) -> Iterator[tuple[int, int]]:
    document = text.document
    if key.rule.computes:
        for surface in extracted(document.text, key.rule):
            if fold(surface.value) == fold(value) and document.inside(surface.start, surface.end):
                yield surface.start, surface.end
        return
    known = key.positions.get(fold(value))
    names = [value] if known is None else [value, *key.values[key.same_as[known]].synonyms]
    forms = {match_form(name) for name in names} - {""}
    yield from ((start, end) for form, start, end in text.grams if form in forms)
    for match in re.finditer(re.escape(" ".join(value.split())), document.text, re.IGNORECASE):
        if match[0] and document.inside(*match.span()):
            yield match.span()
