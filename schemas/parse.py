"""From a mapping (a JSON object, a Parquet row) to a record, or a short reason why not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar, cast

from schemas.fields import (
    BOOLEAN,
    DOUBLE,
    LONG,
    STRING,
    FieldSpec,
    FieldType,
    ListOf,
    MapOf,
    Scalar,
    StructOf,
    field_specs,
)
from schemas.moment import is_date, time_ms

R = TypeVar("R")
Check = Callable[[Any, str], Any]
MIN_LONG, MAX_LONG = -(2**63), 2**63 - 1
REASONS = (
    "missing_field", "wrong_type", "empty", "too_long", "too_many", "not_in_enum", "out_of_range",
    "not_finite", "nul_character", "bad_utf8", "bad_time",
)  # fmt: skip


class BadRecord(ValueError):
    """A record that breaks its contract: a short stable reason, the field's path, and the fault in words."""

    def __init__(self, reason: str, field: str, detail: str) -> None:
        super().__init__(f"{reason}: {field}: {detail}")
        self.reason = reason
        self.field = field
        self.detail = detail


def parse_record(record: type[R], mapping: Any) -> R:
    """The record that a mapping holds; absent or null optional fields take their default, others are ignored.

    Errors: BadRecord with a reason of `REASONS`.
    """
    kind: type = record
    return cast(R, _struct_check(kind)(mapping, ""))


def unknown_fields(record: type, mapping: Mapping[str, Any]) -> tuple[str, ...]:
    """Names that the mapping has and the contract does not, for counting."""
    known = {spec.name for spec in field_specs(record)}
    return tuple(name for name in mapping if name not in known)


@cache
def _struct_check(record: type) -> Check:
    """A check of the whole record, compiled once: intake and import run it a million times."""
    checks = [(spec.name, spec, _field_check(spec)) for spec in field_specs(record)]

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, Mapping):
            raise BadRecord("wrong_type", path or record.__name__, f"{_kind(value)} where an object belongs")
        prefix = f"{path}." if path else ""
        found: dict[str, Any] = {}
        for name, spec, check_field in checks:
            given = value.get(name)
            if given is not None:
                found[name] = check_field(given, prefix + name)
            elif not spec.required:
                found[name] = spec.default
            elif spec.nullable and name in value:
                found[name] = None
            elif name in value:
                raise BadRecord("wrong_type", prefix + name, "null where a value belongs")
            else:
                raise BadRecord("missing_field", prefix + name, "the field is absent")
        return record(**found)

    return check


def _field_check(spec: FieldSpec) -> Check:
    return _check_of(spec.type, spec.limits)


def _check_of(kind: FieldType, limits: Mapping[str, Any]) -> Check:
    match kind:
        case StructOf(record):
            return _struct_check(record)
        case ListOf(item):
            return _list_check(_check_of(item, _item_limits(limits)), limits.get("max_items"))
        case MapOf(value):
            name = _text_check({"max_length": limits.get("name_max_length"), "min_length": 1})
            return _map_check(name, _check_of(value, _item_limits(limits)), limits.get("max_items"))
        case Scalar(name):
            return _SCALAR_CHECKS[name](limits)


def _item_limits(limits: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {name: limits[name] for name in ("minimum", "maximum", "enum") if name in limits}
    return kept | {"max_length": limits.get("item_max_length")}


def _text_check(limits: Mapping[str, Any]) -> Check:
    longest = limits.get("max_length")
    filled = bool(limits.get("min_length"))
    allowed = frozenset(limits["enum"]) if "enum" in limits else None
    form = _FORMS.get(limits.get("format", ""))

    def check(value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise BadRecord("wrong_type", path, f"{_kind(value)} where text belongs")
        if longest is not None and len(value) > longest:
            raise BadRecord("too_long", path, f"{len(value)} characters, at most {longest}")
        _check_characters(value, path)
        if filled and not value.strip():
            raise BadRecord("empty", path, "no text")
        if allowed is not None and value not in allowed:
            raise BadRecord("not_in_enum", path, f"{value[:40]!r} is none of {', '.join(sorted(allowed))}")
        if form is not None:
            form(value, path)
        return value

    return check


def _check_characters(value: str, path: str) -> None:
    if "\x00" in value:
        raise BadRecord("nul_character", path, f"NUL at character {value.index(chr(0))}")
    if value.isascii():
        return
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadRecord("bad_utf8", path, f"half a surrogate pair at character {error.start}") from None


def _check_time(value: str, path: str) -> None:
    try:
        time_ms(value)
    except ValueError as error:
        raise BadRecord("bad_time", path, str(error)) from None


def _check_date(value: str, path: str) -> None:
    if not is_date(value):
        raise BadRecord("bad_time", path, f"{value[:40]!r} is not an existing day like 2026-11-01")


_FORMS: Mapping[str, Callable[[str, str], None]] = {"date-time": _check_time, "date": _check_date}


def _long_check(limits: Mapping[str, Any]) -> Check:
    low = max(limits.get("minimum", MIN_LONG), MIN_LONG)
    high = min(limits.get("maximum", MAX_LONG), MAX_LONG)

    def check(value: Any, path: str) -> int:
        # 3.0 is a whole number in JSON Schema, and pandas writes whole columns with gaps that way.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadRecord("wrong_type", path, f"{_kind(value)} where a whole number belongs")
        if not low <= value <= high:
            raise BadRecord("out_of_range", path, f"{_short(value)} is not in {low}..{high}")
        return value

    return check


def _double_check(limits: Mapping[str, Any]) -> Check:
    low, high = limits.get("minimum", -math.inf), limits.get("maximum", math.inf)

    def check(value: Any, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadRecord("wrong_type", path, f"{_kind(value)} where a number belongs")
        try:
            number = float(value)
        except OverflowError:
            raise BadRecord("out_of_range", path, "the number does not fit 64 bits") from None
        if not math.isfinite(number):
            raise BadRecord("not_finite", path, f"{number} is no quantity")
        if not low <= number <= high:
            raise BadRecord("out_of_range", path, f"{number} is not in {low}..{high}")
        return number

    return check


def _boolean_check(_limits: Mapping[str, Any]) -> Check:
    def check(value: Any, path: str) -> bool:
        if not isinstance(value, bool):
            raise BadRecord("wrong_type", path, f"{_kind(value)} where true or false belongs")
        return value

    return check


_SCALAR_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], Check]] = {
    STRING: _text_check,
    LONG: _long_check,
    DOUBLE: _double_check,
    BOOLEAN: _boolean_check,
}


def _list_check(item: Check, most: int | None) -> Check:
    def check(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise BadRecord("wrong_type", path, f"{_kind(value)} where a list belongs")
        _check_count(value, most, path)
        return tuple(item(part, f"{path}[{index}]") for index, part in enumerate(value))

    return check


def _map_check(name: Check, item: Check, most: int | None) -> Check:
    def check(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise BadRecord("wrong_type", path, f"{_kind(value)} where an object belongs")
        _check_count(value, most, path)
        return {name(key, path): item(part, f"{path}.{_short(key)}") for key, part in value.items()}

    return check


def _check_count(value: Any, most: int | None, path: str) -> None:
    if most is not None and len(value) > most:
        raise BadRecord("too_many", path, f"{len(value)} entries, at most {most}")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)


def _short(value: Any) -> str:
    try:
        text = str(value)
    except ValueError:  # a whole number of more than 4,300 digits
        return "the number"
    return text if len(text) <= 40 else text[:40] + "..."
