"""Numbers with units, read from text and converted by a units library."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import pint

NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+[ -]+\d+/\d+|\d+/\d+|\d*\.\d+|\d+"
MAX_NUMBER = 60
"""Characters of the longest number: no quantity of trade has more, and no unit takes a shorter one out of range."""
_UNIT_TEXT = r"[A-Za-zµΩ°]{1,12}\.?|''|[\"']|毫安时|毫安|毫升|毫米|厘米|公分|千克|公斤|市斤|盎司|英寸|英尺|小时|分钟|[吋寸斤克升瓦伏米磅]"
_LENGTH = "(?:cm|mm|m|in|inch|inches|ft)\\b|[\"']|厘米|毫米"
_QUANTITY = re.compile(
    rf"(?:(?<![A-Za-z0-9_.])|(?<=\d[xX]))({NUMBER})(?:[ -]{{0,2}}(?:[WHDLwhdl]\b[ -]?(?={_LENGTH}))?({_UNIT_TEXT}))?"
)
# "60W x 58D x 98H cm": the unit stands once, behind the last number of a row.
_ROW_GAP = re.compile(r"\s?(?:[A-Za-z]{1,6}\.?)?\s?[xX*/-]\s?")
# Spellings that the units library does not have; the right-hand side is its own name.
_ALIASES = {
    '"': "inch", "in": "inch", "ins": "inch", "inche": "inch", "英寸": "inch", "寸": "inch", "'": "foot", "ft": "foot",
    "英尺": "foot", "厘米": "centimeter", "公分": "centimeter", "毫米": "millimeter", "米": "meter", "lbs": "pound",
    "lb": "pound", "磅": "pound", "盎司": "ounce", "克": "gram", "千克": "kilogram", "公斤": "kilogram", "斤": "jin",
    "gr": "gram", "gm": "gram", "gms": "gram", "kgs": "kilogram", "毫升": "milliliter", "升": "liter", "吋": "inch", "''": "inch", "市斤": "jin", "毫安时": "milliampere_hour", "瓦": "watt",
    "伏": "volt", "毫安": "milliampere_hour", "mah": "milliampere_hour", "小时": "hour", "分钟": "minute",
    "oz": "ounce", "yd": "yard", "yds": "yard", "gb": "gigabyte", "tb": "terabyte", "mb": "megabyte", "kb": "kilobyte",
    "g": "gram", "m": "meter", "l": "liter", "w": "watt", "v": "volt", "k": "kilo_count", "ghz": "gigahertz", "mhz": "megahertz",
    "ct": "carat", "ml": "milliliter", "cm": "centimeter", "mm": "millimeter", "kg": "kilogram", "qt": "quart",
    "gal": "gallon", "hrs": "hour", "hr": "hour", "wh": "watt_hour", "°f": "degree_Fahrenheit", "°c": "degree_Celsius", "rpm": "revolutions_per_minute",
}  # fmt: skip
# Short spellings are units only when listed: "pcs" is not a parsec, nor "pk" a peck.
_SHORT = frozenset(
    [
        "day",
        "km",
        "dm",
        "mg",
        "hz",
        "khz",
        "kw",
        "mw",
        "hp",
        "psi",
        "btu",
        "ma",
        "kv",
        "ah",
        "kwh",
        "dl",
        "cl",
        "ton",
        "bar",
        "min",
        "sec",
        "ft2",
        "mph",
        "db",
        "lux",
        "jin",
    ]
)
WORDS = {
    word: value
    for value, words in {
        1: "one single once",
        2: "two dual double twin pair",
        3: "three triple",
        4: "four quad",
        5: "five",
        6: "six hexa",
        7: "seven",
        8: "eight octa",
        9: "nine",
        10: "ten",
        11: "eleven",
        12: "twelve dozen",
        20: "twenty",
        100: "hundred",
    }.items()
    for word in words.split()
} | dict(zip("一二两三四五六七八九十单双", (1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2), strict=True))


def _registry() -> pint.UnitRegistry[float]:
    """The units library's registry, with the units of trade that it lacks."""
    units: pint.UnitRegistry[float] = pint.UnitRegistry(cache_folder=None)
    units.define("jin = 500 * gram")
    return units


# One for the process, made on import: units of two registries do not mix, and threads share this module.
_UNITS = _registry()


@lru_cache(maxsize=4096)
def unit(text: str) -> pint.Unit | None:
    """The unit that a spelling means, or None.

    >>> str(unit("inches")), str(unit("公斤")), unit("bananas")
    ('inch', 'kilogram', None)
    """
    plain = text.strip().rstrip(".")
    for spelling in (plain.lower(), plain.lower().rstrip("s"), plain):
        name = _ALIASES.get(spelling, spelling)
        if not name.replace("_", "").isalpha() or (len(name) < 4 and name not in _SHORT):
            continue
        try:
            return _UNITS.Unit(name)
        except (pint.errors.PintError, AttributeError, ValueError, TypeError):
            continue
    return None


@lru_cache(maxsize=4096)
def conversion(source: pint.Unit, target: pint.Unit) -> tuple[float, float] | None:
    """What to multiply by, and then to add, to get from one unit to another; None when they measure different things.

    >>> conversion(unit("ft"), unit("inch"))
    (12.0, 0.0)
    >>> "{:.2f} {:.2f}".format(*conversion(unit("°F"), unit("celsius")))
    '0.56 -17.78'
    """
    try:
        zero, one = (float(_UNITS.Quantity(value, source).to(target).magnitude) for value in (0.0, 1.0))
        return one - zero, zero
    except (pint.errors.PintError, ValueError, TypeError):
        return None


def number(text: str) -> float | None:
    """The value of a written number.

    >>> number("1,200"), number("8 1/2"), number("3/4"), number(".5"), number("9" * 400)
    (1200.0, 8.5, 0.75, 0.5, None)
    """
    if len(text) > MAX_NUMBER:
        return None
    plain = text.replace(",", "").strip()
    mixed = re.fullmatch(r"(\d+)[ -]+(\d+)/(\d+)", plain)
    try:
        if mixed:
            return int(mixed[1]) + float(Fraction(int(mixed[2]), int(mixed[3])))
        return float(Fraction(plain)) if "/" in plain else float(plain)
    except (ValueError, ZeroDivisionError):
        return None


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number found in text, with the unit spelling that follows it ("" when none does)."""

    start: int
    number_end: int
    end: int
    value: float
    unit_text: str


def quantities(text: str) -> list[Quantity]:
    """Every number of a text with what may be its unit; mixed numbers also give their parts.

    >>> [(q.value, q.unit_text) for q in quantities('8 1/2" x 11 in')]
    [(8.5, '"'), (8.0, ''), (0.5, '"'), (11.0, 'in')]
    """
    found: list[Quantity] = []
    for match in _QUANTITY.finditer(text):
        value = number(match[1])
        if value is None:
            continue
        known = match[2] and unit(match[2]) is not None
        end = match.end() if known else match.end(1)
        found.append(Quantity(match.start(), match.end(1), end, value, match[2] if known else ""))
        found += _inner_numbers(match, end)
    return [*found, *_units_of_rows(text, found)]


def _units_of_rows(text: str, found: list[Quantity]) -> list[Quantity]:
    """The bare numbers of a row "A x B x C unit" again, with the row's unit.

    >>> [(q.value, q.unit_text) for q in quantities("60W x 58D x 98H cm")[-2:]]
    [(58.0, 'cm'), (60.0, 'cm')]
    """
    rows: list[Quantity] = []
    follower: Quantity | None = None
    for quantity in reversed(found):
        joined = follower is not None and _ROW_GAP.fullmatch(text, quantity.number_end, follower.start)
        bare = not quantity.unit_text or quantity.unit_text in "WHDLwhdl"
        if joined and follower and bare and follower.unit_text:
            quantity = Quantity(
                quantity.start, quantity.number_end, quantity.end, quantity.value, follower.unit_text
            )
            rows.append(quantity)
        follower = quantity
    return rows


def _inner_numbers(match: re.Match[str], end: int) -> list[Quantity]:
    mixed = re.fullmatch(r"(\d+)([ -]+)(\d+/\d+)", match[1])
    inner = number(mixed[3]) if mixed else None
    if mixed is None or inner is None:
        return []
    start = match.start(1)
    whole = Quantity(start, start + len(mixed[1]), start + len(mixed[1]), float(mixed[1]), "")
    first = start + len(mixed[1]) + len(mixed[2])
    return [whole, Quantity(first, match.end(1), end, inner, match[2] if end > match.end(1) else "")]


def written(value: float, decimals: int) -> str:
    """A number in canonical form, halves rounded up.

    >>> written(26.67, 1), written(0.5, 0), written(12.0, 1), written(-17.8, 0)
    ('26.7', '1', '12.0', '-18')
    """
    scaled = math.floor(value * 10**decimals + 0.5 + 1e-9)
    return f"{scaled / 10**decimals:.{decimals}f}"
