"""TOML tables as frozen records: exactly the declared keys, each of the declared kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

R = TypeVar("R")


class ProfileError(ValueError):
    """A profile names an unknown key, lacks one, or holds a value that cannot be. The message names the place."""


def read_record(kind: type[R], table: object, where: str) -> R:
    """Build a record from a table; tables inside become the records that its fields declare.

    Errors: ProfileError naming the table, the key and what was expected.
    """
    if not isinstance(table, Mapping):
        raise ProfileError(f"{where}: must be a table")
    declared = get_type_hints(kind)
    wanted = fields(kind)  # type: ignore[arg-type]
    needed = [one.name for one in wanted if one.default is MISSING and one.default_factory is MISSING]
    unknown = sorted(set(table) - {one.name for one in wanted})
    missing = sorted(set(needed) - set(table))
    if unknown or missing:
        raise ProfileError(f"{where}: has unknown keys {unknown}, lacks {missing}")
    values = {name: _value(declared[name], raw, f"{where}.{name}") for name, raw in table.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise ProfileError(f"{where}: {error}") from error


def _value(declared: Any, raw: object, where: str) -> Any:
    if is_dataclass(declared) and isinstance(declared, type):
        return read_record(declared, raw, where)
    origin, inner = get_origin(declared), get_args(declared)
    if origin is Literal:
        if raw in inner:
            return raw
        raise ProfileError(f"{where} = {raw!r}: choose from {', '.join(map(repr, inner))}")
    if origin is tuple and isinstance(raw, list):
        return tuple(_value(inner[0], one, f"{where}[{place}]") for place, one in enumerate(raw))
    if origin is not None and issubclass(origin, Mapping) and isinstance(raw, Mapping):
        return MappingProxyType({name: _value(inner[1], one, f"{where}.{name}") for name, one in raw.items()})
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool)
    if declared is float and is_number:
        return float(raw)  # type: ignore[arg-type]
    if declared in (str, bool, int) and isinstance(raw, declared) and not (declared is int and not is_number):
        return raw
    raise ProfileError(f"{where} = {raw!r}: expected {getattr(declared, '__name__', declared)}")
