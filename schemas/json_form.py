"""Records as JSON Schema (2020-12) and as JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from schemas.contract import Contract
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
from schemas.moment import DATE_PATTERN, TIME_PATTERN
from schemas.parse import MAX_LONG, MIN_LONG

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {STRING: "string", LONG: "integer", DOUBLE: "number", BOOLEAN: "boolean"}
_CHARACTERS = r"^[^\u0000\ud800-\udfff]*$"
_FILLED = r"^(?=[\s\S]*\S)[^\u0000\ud800-\udfff]*$"
_FORMS = {"date-time": f"^{TIME_PATTERN}$", "date": f"^{DATE_PATTERN}$"}


@cache
def json_schema(record: type) -> dict[str, Any]:
    """The JSON Schema of a record. Fields that it does not name are allowed. Do not change the result.

    It says what `parse_record` checks but that a day exists in the calendar: patterns cannot.
    """
    found = getattr(record, "CONTRACT", None)
    head: dict[str, Any] = {"$schema": DIALECT, "title": record.__name__}
    if isinstance(found, Contract):
        head |= {"$id": f"{found.name}.v{found.version}", "title": found.name}
    return head | _object(record)


def to_mapping(record: Any) -> dict[str, Any]:
    """The JSON object of a record: every field, lists for tuples. `parse_record` reads it back."""
    return {found.name: _plain(getattr(record, found.name)) for found in fields(record)}


def _plain(value: Any) -> Any:
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value]


def _object(record: type) -> dict[str, Any]:
    specs = field_specs(record)
    return {
        "type": "object",
        "description": (record.__doc__ or "").split("\n")[0],
        "properties": {spec.name: _property(spec) for spec in specs},
        "required": [spec.name for spec in specs if spec.required],
    }


def _property(spec: FieldSpec) -> dict[str, Any]:
    form = _form(spec.type, spec.limits)
    if spec.doc:
        form["description"] = spec.doc
    # Parquet cannot leave a field out: null in an optional field means that it is absent.
    if spec.nullable or not spec.required:
        form["type"] = [form["type"], "null"]
        if "enum" in form:
            form["enum"] = [*form["enum"], None]
    return form


def _form(kind: FieldType, limits: Mapping[str, Any]) -> dict[str, Any]:
    match kind:
        case StructOf(record):
            return _object(record)
        case ListOf(item):
            return _counted({"type": "array", "items": _form(item, _item_limits(limits))}, "maxItems", limits)
        case MapOf(value):
            names = _form(Scalar(STRING), {"min_length": 1, "max_length": limits.get("name_max_length")})
            values = _form(value, _item_limits(limits))
            form = {"type": "object", "propertyNames": names, "additionalProperties": values}
            return _counted(form, "maxProperties", limits)
        case Scalar(name):
            return _scalar(name, limits)


def _item_limits(limits: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: limits[name] for name in ("minimum", "maximum", "enum") if name in limits}
    return kept | {"max_length": limits.get("item_max_length")}


def _counted(form: dict[str, Any], name: str, limits: Mapping[str, Any]) -> dict[str, Any]:
    return form | ({name: limits["max_items"]} if "max_items" in limits else {})


def _scalar(name: str, limits: Mapping[str, Any]) -> dict[str, Any]:
    form: dict[str, Any] = {"type": _TYPES[name]}
    if name == STRING:
        form |= _text(limits)
    if name == LONG:
        form |= {"minimum": limits.get("minimum", MIN_LONG), "maximum": limits.get("maximum", MAX_LONG)}
    if name == DOUBLE:
        form |= {edge: limits[edge] for edge in ("minimum", "maximum") if edge in limits}
    return form


def _text(limits: Mapping[str, Any]) -> dict[str, Any]:
    filled = bool(limits.get("min_length"))
    form: dict[str, Any] = {"minLength": limits["min_length"]} if filled else {}
    if limits.get("max_length") is not None:
        form["maxLength"] = limits["max_length"]
    if "enum" in limits:
        return form | {"enum": list(limits["enum"])}
    if "format" in limits:
        # Not "date-time": that is RFC 3339, and contracts also take a day alone or a time without offset.
        known = {"format": "date"} if limits["format"] == "date" else {}
        return form | known | {"pattern": _FORMS[limits["format"]]}
    return form | {"pattern": _FILLED if filled else _CHARACTERS}
