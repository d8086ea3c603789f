"""Units of the demo catalog: how they are written in shops, and the normal forms of the ontology's rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: what it measures, its size in the base unit (cm, g, ml), and its spellings (`#` is the number)."""

    dimension: str
    factor: Decimal
    full: str
    en: tuple[str, ...]
    adj: tuple[str, ...]
    zh: tuple[str, ...]


def _unit(dimension: str, factor: str, full: str, en: str, adj: str, zh: str) -> Unit:
    return Unit(dimension, Decimal(factor), full, *(tuple(part.split(";")) for part in (en, adj, zh)))


UNITS: dict[str, Unit] = {
    "in": _unit(
        "length",
        "2.54",
        "Inches",
        '# inches;# in;#";# inch;#″',
        '#-inch;#";# inch;#in',
        "#英寸;#寸;# inch;#吋",
    ),
    "cm": _unit("length", "1", "Centimetres", "# cm;#cm;# centimetres", "# cm;#cm", "#厘米;#cm;# CM;#公分"),
    "mm": _unit("length", "0.1", "Millimetres", "# mm;#mm", "# mm;#mm", "#毫米;#mm;# MM"),
    "g": _unit("mass", "1", "Grams", "# g;#g;# grams", "# g;#g", "#克;#g;# G"),
    "kg": _unit("mass", "1000", "Kilograms", "# kg;#kg;# kilograms", "# kg;#kg", "#公斤;#千克;#kg;#KG"),
    "oz": _unit("mass", "28.349523125", "Ounces", "# oz;#oz;# ounces;# oz.", "#-ounce;# oz;#oz", "#盎司"),
    "lb": _unit("mass", "453.59237", "Pounds", "# lb;# lbs;# pounds;#lb", "#-pound;# lb", "#磅"),
    "jin": _unit("mass", "500", "Jin", "# jin", "# jin", "#斤;#市斤"),
    "ml": _unit("volume", "1", "Millilitres", "# ml;#ml;# mL;# millilitres", "# ml;#ml", "#毫升;#ml;#ML"),
    "floz": _unit(
        "volume", "29.5735295625", "Fluid Ounces", "# fl oz;# fl. oz.;# FL OZ", "# fl oz", "# fl oz"
    ),
    "l": _unit("volume", "1000", "Litres", "# L;#L;# litres;# liters", "#L;#-litre", "#升;#L"),
    "GB": _unit("data", "1", "Gigabytes", "#GB;# GB", "#GB;# GB", "#GB;#G;# GB"),
    "TB": _unit("data", "1000", "Terabytes", "#TB;# TB", "#TB;# TB", "#TB;#T;# TB"),
    "mAh": _unit("charge", "1", "Milliampere Hours", "#mAh;# mAh", "#mAh;# mAh", "#mAh;#毫安;#毫安时"),
    "W": _unit("power", "1", "Watts", "#W;# W;# watts", "#W;#-watt", "#W;#瓦"),
    "h": _unit("time", "1", "Hours", "# hours;# h;# hrs", "#-hour;#h", "#小时;#h"),
    "day": _unit("days", "1", "Days", "# days", "#-day", "#天"),
    "year": _unit("years", "1", "Years", "# years", "#-year", "#年"),
    "Hz": _unit("frequency", "1", "Hertz", "#Hz;# Hz", "#Hz", "#Hz;#赫兹"),
    "K": _unit("temperature", "1", "Kelvin", "#K;# K", "#K", "#K"),
    "lm": _unit("light", "1", "Lumens", "# lumens;# lm;#lm", "#-lumen;# lm", "#流明;#lm"),
    "MB/s": _unit("speed", "1", "Megabytes per Second", "#MB/s;# MB/s;# MBps", "# MB/s", "#MB/s;# MB/s"),
    "rpm": _unit("rotation", "1", "Revolutions per Minute", "# RPM;#rpm;# rpm", "# RPM", "#转;# RPM;#转/分"),
    "mmn": _unit("gap", "1", "Millimetres", "# mm;#mm", "# mm;#mm", "#毫米;#mm"),
    "HRC": _unit("hardness", "1", "HRC", "# HRC;#HRC", "# HRC", "#HRC;# HRC"),
    "SPF": _unit("spf", "1", "SPF", "SPF #;SPF#", "SPF #;SPF#", "SPF#"),
    "EU": _unit("shoe", "1", "EU", "EU #;EU#;size #", "EU #", "#码;EU#"),
}


@dataclass(frozen=True, slots=True)
class Norm:
    """A normalisation as the ontology states it, with the function that the gold labels are made by."""

    rule: str
    instruction: str
    apply: Callable[[str, str], str]

    def as_json(self) -> dict[str, str]:
        """The form that keys.jsonl holds."""
        return {"rule": self.rule, "instruction": self.instruction}


def rounded(amount: Decimal, places: int) -> str:
    """Round to a number of places. Errors: ValueError on a tie, where two rounding habits would differ.

    >>> rounded(Decimal("15.494"), 1)
    '15.5'
    """
    step = Decimal(1).scaleb(-places)
    if (amount / step) % 1 == Decimal("0.5"):
        raise ValueError(f"{amount} lies between two values of {places} places; choose another fact")
    return str(amount.quantize(step, ROUND_HALF_UP))


def plain(amount: Decimal) -> str:
    """A decimal as shops write it, without trailing zeros.

    >>> plain(Decimal("340.0"))
    '340'
    """
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def converted(base: str, places: int) -> Callable[[str, str], str]:
    """A rule that converts to one unit and rounds; the result carries no unit."""

    def apply(number: str, unit: str) -> str:
        if UNITS[unit].dimension != UNITS[base].dimension:
            raise ValueError(f"{number} {unit} cannot be converted to {base}")
        return rounded(Decimal(number) * UNITS[unit].factor / UNITS[base].factor, places)

    return apply


def expanded(number: str, unit: str) -> str:
    """The number and the unit's full name."""
    return f"{number} {UNITS[unit].full}"


def number_only(number: str, unit: str) -> str:
    """The number without its unit."""
    return number


def measure_surfaces(
    number: str, unit: str, norm: Norm, units: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """Spellings of a measure by style (en, adj, zh), in the given units as far as the value survives the conversion.

    The unit that the fact was written in counts twice, so that it stays the commonest.
    """
    said: dict[str, list[str]] = {"en": [], "adj": [], "zh": []}
    value = norm.apply(number, unit)
    for name in (unit, unit, *(other for other in units if other != unit)):
        own = number if name == unit else _in_unit(number, unit, name)
        if own is None or (name != unit and not _keeps(own, name, norm, value)):
            continue
        for style, forms in (("en", UNITS[name].en), ("adj", UNITS[name].adj), ("zh", UNITS[name].zh)):
            if name == unit or _in_use(name, style, own):
                said[style] += [form.replace("#", own) for form in forms]
    return {style: tuple(forms) for style, forms in said.items()}


def _in_use(unit: str, style: str, number: str) -> bool:
    """Whether shops of that language convert into the unit: jin is Chinese (from half a jin up), inches are not."""
    if style != "zh":
        return unit != "jin"
    return unit not in ("in", "lb", "oz", "floz") and (unit != "jin" or Decimal(number) >= Decimal("0.5"))


def _in_unit(number: str, unit: str, other: str) -> str | None:
    if UNITS[unit].dimension != UNITS[other].dimension:
        return None
    amount = Decimal(number) * UNITS[unit].factor / UNITS[other].factor
    places = {"kg": 2, "jin": 1, "cm": 1, "in": 1, "lb": 1, "oz": 1, "l": 1, "floz": 1}.get(other, 0)
    return plain(amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def _keeps(number: str, unit: str, norm: Norm, value: str) -> bool:
    try:
        return norm.apply(number, unit) == value and Decimal(number) > 0
    except ValueError:
        return False


CENTIMETRES = Norm(
    "Unit Conversion",
    "Convert and standardize the measurement to centimeters (cm).\nIf it is not already in cm, convert it from inches, "
    "mm, meters or feet to cm.\nOutput the final value as a single numeric figure in cm, rounded to one decimal place.\n"
    "Exclude any unit indicators in the output.",
    converted("cm", 1),
)
GRAMS = Norm(
    "Unit Conversion",
    "Convert and standardize weight measurements to grams (g), from oz, lbs, kg or jin (500 g).\nRound the final value "
    "to the nearest full digit.\nOutput the final weight value as a single numeric figure in grams, without any unit "
    "indicator.",
    converted("g", 0),
)
KILOGRAMS = Norm(
    "Unit Conversion",
    "Convert the weight from lbs (pounds), grams or jin (500 g) to kilograms (KG), and present the result as a single "
    "numeric value in KG.\nRound the final value to one decimal place.\nDo not include any unit indicators in the output.",
    converted("kg", 1),
)
MILLILITRES = Norm(
    "Unit Conversion",
    "Convert and standardize the volume to milliliters (ml), from fl oz or liters.\nRound the final value to the nearest "
    "full digit.\nOutput a single numeric figure in ml, without any unit indicator.",
    converted("ml", 0),
)
EXPANSION = Norm(
    "Unit Expansion",
    "Replace 'GB' with 'Gigabytes', 'TB' with 'Terabytes', 'mAh' with 'Milliampere Hours', 'W' with 'Watts' and 'L' with "
    "'Litres'.\nRemove any hyphens between the numeric value and the unit.\nEnsure there is a space between the numeric "
    "value and the expanded unit.",
    expanded,
)
NUMBER = Norm(
    "Numeric Standardization",
    "Extract the value as a single numeric number without its unit.\nIf it is given as a word (two, dual, dozen, 双), "
    "give the corresponding number.\nIf it is given in 'K' (thousands), convert into a full numeric value.",
    number_only,
)
