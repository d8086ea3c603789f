"""From the words of a listing to the canonical form of a value, by the rule that the key's ontology entry states.

Rules come from outside in words (interchange `normalization`): they are read once per key into a `Rule`; a rule that
is not understood leaves the text as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import pint

from schemas.ontology import AttributeKey
from udfs.quantity import WORDS, Quantity, conversion, quantities, unit, written

AS_IS, UPPER, STRIP_MARKS, CONVERT, EXPAND, NUMBER, DIGITS, CHOICE, SPELL_OUT = (
    "as_is", "upper", "strip_marks", "convert", "expand", "number", "digits", "choice", "spell_out",
)  # fmt: skip
_TARGET = re.compile(r"\b(?:to|into|in)\s+(?:the\s+)?([A-Za-z]+)(?:\s*\(([A-Za-z]+)\))?")
_ASSUMED = re.compile(r"\bassume[^.]*\bin\s+([A-Za-z]+)", re.I)
_PLACES = re.compile(r"\b(one|two|three|\d)\s+decimal", re.I)
_PAIR = re.compile(
    r"['\"‘“]?([A-Za-z]{1,4})['\"’”]?\s+(?:to|with|by|as|->)\s+['\"‘“]?([A-Za-z][A-Za-z ]{2,30}?)['\"’”]?(?=[,.;]|\s+and\b|$)"
)
_DIGIT_RANGE = re.compile(r"digits?\s+(\d+)\s*(?:to|-|through)\s*(\d+)", re.I)
_BAR_CODE = re.compile(r"(?<![\dA-Za-z])\d(?:[ -]?\d){10,13}(?![\dA-Za-z])|\d{11,14}")
_WORD_NUMBER = re.compile(
    r"[A-Za-z]+|[一二两三四五六七八九十单双](?=[个只件支片包袋盒条双套颗枚档卡层节杯瓶罐桶核把])"
)
_PREFIXED_NUMBER = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{1,3}(\d{1,4})(?![\w.])")


@dataclass(frozen=True, slots=True)
class Rule:
    """A normalisation rule, read."""

    kind: str
    target: pint.Unit | None = None
    assumed: pint.Unit | None = None
    decimals: int = 0
    first: int = 0
    last: int = 0
    expansions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def computes(self) -> bool:
        """Whether the canonical value is computed from the surface text, and need not be in the ontology."""
        return self.kind in (STRIP_MARKS, CONVERT, EXPAND, NUMBER, DIGITS)


def rule_of(key: AttributeKey) -> Rule:
    """The rule of a key; `AS_IS` when it states none or one that is not understood."""
    if key.normalization is None:
        return Rule(AS_IS)
    return read_rule(key.normalization.rule, key.normalization.instruction)


@lru_cache(maxsize=8192)
def read_rule(name: str, instruction: str) -> Rule:
    """Read a rule's name and instruction.

    >>> read_rule("Unit Conversion", "Convert to centimeters (cm), rounded to one decimal place.").kind
    'convert'
    >>> dict(read_rule("Unit Expansion", "Convert 'GB' to 'Gigabytes', 'TB' to 'Terabytes'.").expansions)
    {'gb': 'Gigabytes', 'tb': 'Terabytes'}
    """
    said = name.lower()
    if "upper" in said:
        return Rule(UPPER)
    if "mark" in said or "punctuation" in said:
        return Rule(STRIP_MARKS)
    if "substring" in said:
        found = _DIGIT_RANGE.search(instruction)
        return Rule(DIGITS, first=int(found[1]), last=int(found[2])) if found else Rule(AS_IS)
    if "expansion" in said and "unit" in said:
        return Rule(EXPAND, expansions=MappingProxyType(_expansions(instruction)))
    if "conversion" in said or "unit" in said:
        return _conversion(instruction)
    if "numeric" in said or "number" in said:
        return Rule(NUMBER)
    if "expansion" in said:
        return Rule(SPELL_OUT)
    return Rule(CHOICE) if "generali" in said or "classif" in said else Rule(AS_IS)


def _expansions(instruction: str) -> dict[str, str]:
    return {
        short.lower(): long.strip()
        for short, long in _PAIR.findall(instruction)
        if short.lower() != long.lower()
    }


def _conversion(instruction: str) -> Rule:
    names = [name for match in _TARGET.finditer(instruction) for name in (match[1], match[2]) if name]
    target = next((found for found in map(unit, names) if found is not None), None)
    if target is None:
        return Rule(AS_IS)
    assumed = _ASSUMED.search(instruction)
    places = _PLACES.search(instruction)
    decimals = {"one": 1, "two": 2, "three": 3}.get(places[1].lower(), 0) if places else 0
    if places and places[1].isdigit():
        decimals = int(places[1])
    return Rule(CONVERT, target=target, assumed=unit(assumed[1]) if assumed else None, decimals=decimals)


@dataclass(frozen=True, slots=True)
class Surface:
    """A canonical value and the span of the document that it was computed from."""

    value: str
    start: int
    end: int


def extracted(text: str, rule: Rule, numbers: Sequence[Quantity] | None = None) -> list[Surface]:
    """Every canonical value that a computing rule can read out of a text, with its span. `numbers`: of the text, where known.

    >>> rule = read_rule("Unit Conversion", "Convert to centimeters (cm), rounded to one decimal place.")
    >>> [s.value for s in extracted('8 inch x 20cm, 3 lbs', rule)]
    ['20.3', '20.0']
    """
    if rule.kind == DIGITS:
        return [
            Surface(re.sub(r"\D", "", m[0])[rule.first - 1 : rule.last], m.start(), m.end())
            for m in _BAR_CODE.finditer(text)
        ]
    if rule.kind == STRIP_MARKS:
        return _codes(text)
    known = quantities(text) if numbers is None else numbers
    found = [surface for quantity in known for surface in _computed(text, quantity, rule)]
    if rule.kind == NUMBER:
        found += [
            Surface(str(WORDS[m[0].lower()]), m.start(), m.end())
            for m in _WORD_NUMBER.finditer(text)
            if m[0].lower() in WORDS
        ]
        found += [Surface(str(int(m[1])), m.start(1), m.end(1)) for m in _PREFIXED_NUMBER.finditer(text)]
    return found


def _computed(text: str, quantity: Quantity, rule: Rule) -> Iterable[Surface]:
    if rule.kind == CONVERT:
        return _converted(quantity, rule)
    if rule.kind == EXPAND:
        return _expanded(text, quantity, rule)
    return _numbers(text, quantity) if rule.kind == NUMBER else []


def _expanded(text: str, quantity: Quantity, rule: Rule) -> list[Surface]:
    """The number with its unit's long name; "32G" and "1T" are bytes where the rule expands GB and TB."""
    plain, said, end = text[quantity.start : quantity.number_end], quantity.unit_text.lower(), quantity.end
    if not said and text[end : end + 1] in tuple("GTMgtm") and not text[end + 1 : end + 2].isalpha():
        said, end = text[end].lower(), end + 1
    word = (
        rule.expansions.get(said) or rule.expansions.get(said.rstrip("s")) or rule.expansions.get(f"{said}b")
    )
    if word is None and said:
        meant = unit(said)
        word = next(
            (long for short, long in rule.expansions.items() if meant is not None and unit(short) == meant),
            None,
        )
    return [Surface(f"{plain} {word}", quantity.start, end)] if word else []


def _numbers(text: str, quantity: Quantity) -> list[Surface]:
    """The number as it is, and a thousand times it where a K follows ("15K" rpm, but also "4000K" of light)."""
    plain = text[quantity.start : quantity.number_end]
    value = quantity.value
    found = [Surface(str(int(value)) if value == int(value) else plain, quantity.start, quantity.number_end)]
    if text[quantity.number_end : quantity.number_end + 1] in ("K", "k") and (value * 1000).is_integer():
        found.append(Surface(str(int(value * 1000)), quantity.start, quantity.number_end + 1))
    return found


def _converted(quantity: Quantity, rule: Rule) -> Iterable[Surface]:
    source = unit(quantity.unit_text) if quantity.unit_text else rule.assumed
    value = _in_target(quantity.value, source, rule)
    if value is not None:
        return [Surface(value, quantity.start, quantity.end)]
    # What looks like a unit is none of this key's: the number may stand for itself.
    plain = _in_target(quantity.value, rule.assumed, rule) if quantity.unit_text else None
    return [] if plain is None else [Surface(plain, quantity.start, quantity.number_end)]


def _in_target(value: float, source: pint.Unit | None, rule: Rule) -> str | None:
    """A value of a unit in the rule's unit, written; None when there is no way."""
    if source is None or rule.target is None:
        return None
    by = conversion(source, rule.target)
    return None if by is None else written(value * by[0] + by[1], rule.decimals)


_CODE_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-./'&+_#]*")


def _codes(text: str) -> list[Surface]:
    """Words that look like part numbers: four or more characters with a digit, or all capitals."""
    found = []
    for match in _CODE_WORD.finditer(text):
        words = match[0].rstrip("-./'&+_#")
        code = re.sub(r"[^A-Za-z0-9]", "", words)
        if len(code) >= 4 and (any(c.isdigit() for c in code) or code.isupper()):
            found.append(Surface(code, match.start(), match.start() + len(words)))
    return found


def normalized(text: str, rule: Rule) -> str:
    """One surface text in canonical form; unchanged where the rule does not apply to it."""
    if rule.kind == UPPER:
        return text.upper()
    if rule.computes:
        whole = [s for s in extracted(text, rule) if s.start == 0]
        return max(whole, key=lambda s: s.end).value if whole else text
    return text


def decimals_of(examples: Iterable[str]) -> int:
    """How many decimals the example values of a key have, most often."""
    places = Counter(len(text.partition(".")[2]) for text in examples if re.fullmatch(r"\d+(?:\.\d+)?", text))
    return places.most_common(1)[0][0] if places else 0
