"""What a record's fields are, read once from its annotations: the one source of every derived form."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

STRING, LONG, DOUBLE, BOOLEAN = "string", "long", "double", "boolean"
_SCALARS = {str: STRING, int: LONG, float: DOUBLE, bool: BOOLEAN}
LIMITS = frozenset(
    {
        "doc", "enum", "format", "min_length", "max_length", "minimum", "maximum", "max_items",
        "item_max_length", "name_max_length",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, whole number, number or truth value."""

    kind: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose items are never null."""

    item: FieldType


@dataclass(frozen=True, slots=True)
class MapOf:
    """Names to values, neither ever null."""

    value: FieldType


@dataclass(frozen=True, slots=True)
class StructOf:
    """A record inside a record."""

    record: type


FieldType = Scalar | ListOf | MapOf | StructOf


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: name, type, whether it may be null or absent, and its limits."""

    name: str
    type: FieldType
    nullable: bool
    required: bool
    default: Any
    limits: Mapping[str, Any]

    @property
    def doc(self) -> str:
        """What the field means."""
        return str(self.limits.get("doc", ""))


@cache
def field_specs(record: type) -> tuple[FieldSpec, ...]:
    """The fields of a record, in order.

    Errors: TypeError for an annotation that no contract may use, or a limit that nothing checks.
    """
    if not is_dataclass(record):
        raise TypeError(f"{record!r} is not a dataclass")
    hints = get_type_hints(record)
    return tuple(_spec(record, found, hints[found.name]) for found in fields(record))


def spec_of(record: type, name: str) -> FieldSpec:
    """One field of a record by its name. Errors: KeyError."""
    for spec in field_specs(record):
        if spec.name == name:
            return spec
    raise KeyError(f"{record.__name__} has no field {name}")


def nested_records(record: type) -> tuple[type, ...]:
    """The records inside a record, outermost first, each once."""
    found: dict[type, None] = {}
    for spec in field_specs(record):
        inner = _struct_of(spec.type)
        if inner is not None:
            found[inner] = None
            found.update(dict.fromkeys(nested_records(inner)))
    return tuple(found)


def _struct_of(kind: FieldType) -> type | None:
    match kind:
        case StructOf(record):
            return record
        case ListOf(item):
            return _struct_of(item)
        case MapOf(value):
            return _struct_of(value)
        case Scalar():
            return None


def _spec(record: type, found: Field[Any], hint: Any) -> FieldSpec:
    unknown = set(found.metadata) - LIMITS
    if unknown:
        raise TypeError(f"{record.__name__}.{found.name}: unknown limits {sorted(unknown)}")
    hint, nullable = _without_none(hint)
    default = found.default
    if found.default_factory is not MISSING:
        default = found.default_factory()
    return FieldSpec(
        name=found.name,
        type=_type_of(hint, f"{record.__name__}.{found.name}"),
        nullable=nullable,
        required=default is MISSING,
        default=None if default is MISSING else default,
        limits=dict(found.metadata),
    )


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    kept = [arg for arg in get_args(hint) if arg is not type(None)]
    if len(kept) != 1:
        raise TypeError(f"{hint} is a union of several types")
    return kept[0], True


def _type_of(hint: Any, where: str) -> FieldType:
    if hint in _SCALARS:
        return Scalar(_SCALARS[hint])
    if isinstance(hint, type) and is_dataclass(hint):
        return StructOf(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
        return ListOf(_type_of(args[0], where))
    if origin is Mapping and args[0] is str:
        return MapOf(_type_of(args[1], where))
    raise TypeError(
        f"{where}: {hint} has no Arrow, Spark and JSON form; use str, int, float, bool, tuple, Mapping"
    )
