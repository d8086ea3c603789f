"""Which changes of a contract break those who write by its old form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UPPER = ("maxLength", "maxItems", "maxProperties", "maximum")
_LOWER = ("minLength", "minimum")
_EXACT = ("pattern", "format")


def breaking_changes(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> list[str]:
    """What of the new JSON Schema refuses a record of the old, or drops a field that it promised; else [].

    A breaking change needs a new version of the contract, a harmless one does not.
    """
    return [
        *_narrowed_type(old, new, path),
        *_narrowed_enum(old, new, path),
        *_narrowed_limits(old, new, path),
        *_changed_fields(old, new, path),
        *_inner(old, new, path),
    ]


def _narrowed_type(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> list[str]:
    gone = _types(old) - _types(new)
    if "number" in _types(new):
        gone.discard("integer")
    return [f"{path or 'record'}: no longer accepts {kind}" for kind in sorted(gone)]


def _types(schema: Mapping[str, Any]) -> set[str]:
    kind = schema.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)


def _narrowed_enum(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> list[str]:
    if "enum" not in new:
        return []
    if "enum" not in old:
        return [f"{path}: now one of {new['enum']}"]
    gone = [value for value in old["enum"] if value not in new["enum"] and value is not None]
    return [f"{path}: no longer accepts {value!r}" for value in gone]


def _narrowed_limits(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> list[str]:
    found = [
        f"{path}: {name} now {new[name]}, was {old.get(name, 'open')}"
        for name in (*_UPPER, *_LOWER)
        if name in new and (name not in old or _tighter(name, old[name], new[name]))
    ]
    return found + [
        f"{path}: {name} now {new[name]}, was {old.get(name, 'open')}"
        for name in _EXACT
        if name in new and new[name] != old.get(name)
    ]


def _tighter(name: str, old: float, new: float) -> bool:
    return new < old if name in _UPPER else new > old


def _changed_fields(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> list[str]:
    had, has = old.get("properties", {}), new.get("properties", {})
    prefix = f"{path}." if path else ""
    removed = [
        f"{prefix}{name}: required field removed" for name in old.get("required", ()) if name not in has
    ]
    added = [
        f"{prefix}{name}: {'is now required' if name in had else 'new required field'}"
        for name in new.get("required", ())
        if name not in old.get("required", ())
    ]
    return removed + added


def _inner(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> list[str]:
    had, has = old.get("properties", {}), new.get("properties", {})
    prefix = f"{path}." if path else ""
    found = [
        change
        for name in had
        if name in has
        for change in breaking_changes(had[name], has[name], f"{prefix}{name}")
    ]
    for part, mark in (("items", "[]"), ("additionalProperties", ".*"), ("propertyNames", " names")):
        if isinstance(new.get(part), Mapping) and isinstance(old.get(part), Mapping):
            found += breaking_changes(old[part], new[part], path + mark)
    return found
