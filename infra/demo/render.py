"""From facts to text: fills sentence templates and records which words state what.

A template holds `{key}`; `{a key}` adds the article; `{key|adj}` asks for the adjective form of a measure (6.1-inch);
`{key|num}` and `{key|unit}` split a measure (60 x 30 cm), which all parts of one sentence must share.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

from infra.demo.model import Fact, Key, Statement
from infra.demo.units import UNITS

_SLOT = re.compile(r"\{(?P<article>a )?(?P<key>\w+)(?:\|(?P<form>\w+))?\}")
_AN = re.compile(
    r"^(?:[aeio]|u(?!n[iv]|s[be]|ti)|8|11\D|18\D|hour|(?-i:SSD|HDD|LED|LCD|SD|R[57]))", re.IGNORECASE
)
_NAMES = frozenset({"Damascus"})
Facts = Mapping[str, tuple[Fact, ...]]


def slots(template: str) -> frozenset[str]:
    """The keys that a template states."""
    return frozenset(match["key"] for match in _SLOT.finditer(template))


def numbers(template: str) -> frozenset[str]:
    """The keys whose bare numbers a template states; they must be in one unit."""
    return frozenset(match["key"] for match in _SLOT.finditer(template) if match["form"] == "num")


def spelling(key: Key, fact: Fact, locale: str, form: str | None, style: str) -> str:
    """The words for a fact. The style seeds the choice, so that SKUs of a family keep to one way of writing."""
    if form == "num":
        return fact.number
    forms = fact.zh if locale == "zh" else fact.adjectives if form == "adj" and fact.adjectives else fact.en
    if not forms:
        raise ValueError(f"{key.key_id}: no {locale} words for {fact.text!r}")
    return forms[Random(f"{style}:{key.key_id}:{form}").randrange(len(forms))]


def cased(key: Key, surface: str, in_title: bool) -> str:
    """Common words in lower case within sentences and capitalised in titles; names stay as they are."""
    if not key.lower or not surface.isascii():
        return surface
    words = surface.split(" ")
    if in_title:
        return " ".join(word[:1].upper() + word[1:] for word in words)
    if surface not in {fact.text for fact in key.facts}:
        return surface
    return " ".join(
        word.lower() if word[1:].islower() and len(word) > 2 and word not in _NAMES else word
        for word in words
    )


def joined(parts: list[str], locale: str, in_title: bool) -> str:
    """Several values of one key as a listing writes them."""
    if locale == "zh":
        return ("/" if in_title else "、").join(parts)
    if in_title:
        return " / ".join(parts) if len(parts) > 2 else " & ".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]


def fill(
    template: str, keys: Mapping[str, Key], facts: Facts, locale: str, field: str, style: str
) -> tuple[str, list[Statement]]:
    """Fill a template; returns the text and one statement for every surface in it.

    Errors: ValueError when `|num` slots of one template differ in unit.
    """
    said: list[Statement] = []
    units = {fact.unit for key_id in numbers(template) for fact in facts[key_id]}
    if len(units) > 1:
        raise ValueError(f"{template!r} mixes the units {sorted(units)}")

    def replace(match: re.Match[str]) -> str:
        key, form = keys[match["key"]], match["form"]
        if form == "unit":
            unit = UNITS[next(iter(units))]
            return (unit.zh if locale == "zh" else unit.en)[0].replace("#", "").strip()
        in_title = field == "title"
        surfaces = [
            cased(key, spelling(key, fact, locale, form, style), in_title) for fact in facts[key.key_id]
        ]
        for fact, surface in zip(facts[key.key_id], surfaces, strict=True):
            implied = any(surface.casefold() == word.casefold() for word in fact.implying)
            said.append(Statement(key.key_id, field, surface, (fact.text,), implied))
        text = joined(surfaces, locale, in_title)
        return ("an " if _AN.match(text) else "a ") + text if match["article"] else text

    text = _SLOT.sub(replace, template)
    return text[:1].upper() + text[1:] if locale == "en" and field != "title" else text, said


def pick(templates: tuple[str, ...], wanted: frozenset[str], must: frozenset[str], rng: Random) -> str:
    """One template over facts that there are, among those that state most of what must be stated."""
    usable = [template for template in templates if slots(template) <= wanted]
    if not usable:
        raise ValueError(f"no template fits the keys {sorted(wanted)}")
    best = max(len(slots(template) & must) for template in usable)
    return rng.choice([template for template in usable if len(slots(template) & must) == best])


def cover(templates: tuple[str, ...], wanted: frozenset[str], rng: Random) -> list[str]:
    """Sentences in varying order, none of which states a key that another states."""
    order = list(templates)
    rng.shuffle(order)
    chosen: list[str] = []
    done: frozenset[str] = frozenset()
    for template in order:
        keys = slots(template)
        if keys and keys <= wanted and not keys & done:
            chosen.append(template)
            done |= keys
    return chosen
