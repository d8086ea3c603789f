"""What two listings say alike and what one says alone, sentence by sentence: whether a number or code can be another (L4).

A key whose value is computed by rule (a measure, a code) has no candidate that its rule does not read out of the text. So where
the sentences that a listing has and its reference has not hold nothing that the rule could read but the value itself, and a
sentence that both have states it, the value stands: whatever numbers of other keys have changed around it.
Source: paper section 4.3.1 (2) asks a model about the difference of fields; what can be told by rule is told by rule: ours.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from pipelines.library.answers import Answer
from pipelines.library.candidates import names_match
from pipelines.library.keys import KeyView
from pipelines.reduction.difference import changed_attributes
from pipelines.reduction.lend import sentence_around
from pipelines.reduction.places import (
    BARE,
    INSIDE,
    Way,
    cleaned,
    fields_of,
    is_inside,
    kind_of,
    numbers_of,
    of_others,
    sentences_of,
    stand_alike,
    way_of,
    words_before,
)
from schemas.knowledge import Evidence
from schemas.listing import Listing
from udfs.document import field_text
from udfs.normalize import NUMBER, Surface, extracted
from udfs.quantity import Quantity, quantities
from udfs.text import fold

Context = tuple[tuple[str, ...], str, Way]
_DIGITS = re.compile(r"[\d.,/]*\d")


def own_sentences(here: Listing, there: Listing) -> list[str]:
    """The sentences of a listing that the other does not have; a merchant's attribute is one, by its name.

    >>> a, b = Listing("a", "Mug", "Red. 12 cm.", None, None), Listing("b", "Mug", "Blue. 12 cm.", None, None)
    >>> own_sentences(a, b), own_sentences(a, a)
    (['Red.'], [])
    """
    return [text for _, text in (sentences_of(here) - sentences_of(there)).elements()]


def is_settled(answer: Answer, view: KeyView, here: Listing, there: Listing) -> bool:
    """Whether `here` can have no other values of a key that is computed by rule than `there`, of which `answer` tells them.

    Either all of `here` holds nothing else that could be a value, nor does `there`. Or what it says alone does not, and every
    value is said in a sentence that both have; where `there` said it in another sentence too, which `here` has not, the one
    that both have must hold no second possible value.
    """
    if not view.rule.computes:
        return False
    said, values = _ways(answer, there), _values(answer)
    if values and _possible(_all(here), view, said) == values == _possible(_all(there), view, said):
        return True
    if any(names_match(name, view) for name in changed_attributes(here, there)):
        return False
    alone = _possible(own_sentences(here, there), view, said, _contexts(_all(there))) - values
    # Where the reference states nothing, none of its numbers is known to be another key's: it may have been missed.
    if alone and (not values or not alone <= of_others(view, here, there, values)):
        return False
    return _is_supported(answer, view, said, here, there) or stand_alike(view, here, there, values)


def reread(answer: Answer, view: KeyView, here: Listing) -> Answer:
    """The answer of a key computed by rule with the words as evidence from which the rule reads its values in `here`, if any."""
    if not view.rule.computes:
        return answer
    evidence = []
    for name in fields_of(here):
        raw = field_text(name, here) or ""
        for one in extracted(raw, view.rule):
            if fold(one.value) in _values(answer):
                evidence.append(Evidence(one.value, name, one.start, one.end, raw[one.start : one.end]))
    return replace(answer, evidence=tuple(evidence))


def _is_supported(answer: Answer, view: KeyView, said: frozenset[Way], here: Listing, there: Listing) -> bool:
    both = sentences_of(here) & sentences_of(there)
    common: dict[str, list[str]] = {}
    gone: set[str] = set()
    for one in answer.evidence:
        raw = field_text(one.source_field, there)
        if raw is None:
            return False
        sentence = (kind_of(one.source_field), sentence_around(raw, one.start, one.end))
        if sentence in both:
            common.setdefault(fold(one.value), []).append(sentence[1])
        else:
            gone.add(fold(one.value))
    return all(
        value in common
        and (
            value not in gone
            or any(_possible([text], view, said) <= _values(answer) for text in common[value])
        )
        for value in _values(answer)
    )


def _possible(
    sentences: Iterable[str], view: KeyView, said: frozenset[Way], contexts: Collection[Context] = ()
) -> set[str]:
    """What the key's rule reads out of sentences, but for numbers that are said in no way in which its values are.

    A rule that takes any number takes those of other keys, too: "40 watts" is no number of lumens. `contexts`: numbers that
    the reference says in the same way after the same words; it has them, and they were or were not taken for its values.
    """
    found = set()
    for text in map(cleaned, sentences):
        numbers = numbers_of(text)
        ways = {quantity.start: way_of(text, quantity) for quantity in numbers}
        for one in extracted(text, view.rule, numbers):
            way = ways.get(one.start, INSIDE if is_inside(text, one.start) else BARE)
            if _context(text, one, way) in contexts:
                continue
            if view.rule.kind != NUMBER or not said or way == BARE or way in said:
                found.add(fold(one.value))
    return found


def _contexts(sentences: Iterable[str]) -> set[Context]:
    found = set()
    for text in map(cleaned, sentences):
        for quantity in numbers_of(text):
            found.add(_context(text, quantity, way_of(text, quantity)))
    return found


def _context(text: str, number: Surface | Quantity, way: Way) -> Context:
    """A number with the two words before it and the way in which it is said."""
    end = number.number_end if isinstance(number, Quantity) else number.end
    digits = _DIGITS.match(text[number.start : end])
    return words_before(text, number.start), digits[0] if digits else text[number.start : end], way


def _all(listing: Listing) -> list[str]:
    return [text for _, text in sentences_of(listing)]


def _ways(answer: Answer, there: Listing) -> frozenset[Way]:
    """The ways in which a listing says the numbers of an answer."""
    found: set[Way] = set()
    for one in answer.evidence:
        raw = field_text(one.source_field, there) or ""
        ways = [way_of(raw, quantity) for quantity in quantities(raw) if quantity.start == one.start]
        found.update(ways or [INSIDE if is_inside(raw, one.start) else BARE])
    return frozenset(found)


def _values(answer: Answer) -> set[str]:
    return set(map(fold, answer.values))
