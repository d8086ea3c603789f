"""What a contract is: a frozen record and the facts about its table, topic or file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
ABSENT = object()


@dataclass(frozen=True, slots=True)
class Example:
    """A JSON object that the contract accepts."""

    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Invalid:
    """A JSON object that the contract refuses, and the field that is at fault."""

    value: Mapping[str, Any]
    field: str


def spoiled(valid: Mapping[str, Any], field: str, value: Any) -> Invalid:
    """A valid example with one field made wrong (`ABSENT`: left out): it has that fault and no other."""
    kept = {name: given for name, given in valid.items() if name != field}
    return Invalid(kept if value is ABSENT else {**kept, field: value}, field)


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract: its record, key, ordering, owner, retention and examples."""

    name: str
    version: int
    record: type
    key: tuple[str, ...]
    owner: str
    valid: Example
    invalid: tuple[Invalid, ...]
    ordering: str | None = None
    retention_days: int | None = None
    compatibility: str = "backward"
    dead_letter: str | None = None


def contract(**facts: Any) -> Callable[[type[T]], type[T]]:
    """Attach a `Contract` to a record as its `CONTRACT`. Apply above `@dataclass`."""

    def attach(record: type[T]) -> type[T]:
        record.CONTRACT = Contract(record=record, **facts)  # type: ignore[attr-defined]
        return record

    return attach


def contract_of(record: type) -> Contract:
    """The contract of a record. Errors: TypeError when it has none."""
    found = getattr(record, "CONTRACT", None)
    if not isinstance(found, Contract):
        raise TypeError(f"{record.__name__} has no contract")
    return found
