"""Contracts as Markdown: schemas/README.md is this and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from schemas.contract import Contract
from schemas.fields import FieldSpec, FieldType, ListOf, MapOf, Scalar, StructOf, field_specs, nested_records

_HEAD = """# Contracts

Every table, topic, file and shard has one contract: a frozen record in this folder. Its Arrow, Spark and JSON
Schema forms, its parser and this page are derived from it (`schemas/derive.py`), never written twice.
An optional field may be absent or null, both mean its default; fields that no contract names are ignored and counted.
This page is generated: `python -m schemas.derive > schemas/README.md`. A breaking change needs a new version;
`schemas/published/` holds the forms that `tests/unit/schemas` compares with.
"""
_LIMITS = {
    "min_length": "at least {} character",
    "max_length": "at most {:,} characters",
    "minimum": "from {}",
    "maximum": "to {}",
    "max_items": "at most {:,} entries",
    "item_max_length": "each at most {:,} characters",
    "name_max_length": "names at most {:,} characters",
    "format": "ISO 8601 {}",
}


def docs_page(contracts: Iterable[Contract]) -> str:
    """The page of all contracts: facts, fields, examples."""
    return "\n".join([_HEAD, *(docs_section(found) for found in contracts)])


def docs_section(found: Contract) -> str:
    """One contract: facts, field tables (its own and of the records inside), examples."""
    lines = [f"## {found.name} v{found.version}", "", _first_line(found.record), "", _facts(found), ""]
    lines += [docs_table(found.record)]
    for inner in nested_records(found.record):
        if not hasattr(inner, "CONTRACT"):
            lines += [f"**{inner.__name__}**: {_first_line(inner)}", "", docs_table(inner)]
    lines += ["Valid:", "", _block(found.valid.value), "", "Invalid:", ""]
    lines += [
        f"- `{wrong.field}`: `{json.dumps(wrong.value, ensure_ascii=False)}`" for wrong in found.invalid
    ]
    return "\n".join([*lines, ""])


def docs_table(record: type) -> str:
    """The fields of a record as a Markdown table."""
    lines = ["| field | type | null | default | limits | meaning |", "|---|---|---|---|---|---|"]
    lines += [_row(spec) for spec in field_specs(record)]
    return "\n".join([*lines, ""])


def _row(spec: FieldSpec) -> str:
    default = "required" if spec.required else f"`{json.dumps(_jsonable(spec.default))}`"
    null = "yes" if spec.nullable else ""
    return f"| `{spec.name}` | {_type(spec.type)} | {null} | {default} | {_limits(spec)} | {spec.doc} |"


def _jsonable(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _type(kind: FieldType) -> str:
    match kind:
        case Scalar(name):
            return name
        case ListOf(item):
            return f"list of {_type(item)}"
        case MapOf(value):
            return f"map of string to {_type(value)}"
        case StructOf(record):
            return record.__name__


def _limits(spec: FieldSpec) -> str:
    found = [text.format(spec.limits[name]) for name, text in _LIMITS.items() if name in spec.limits]
    if "enum" in spec.limits:
        found.append(" or ".join(f"`{value}`" for value in spec.limits["enum"]))
    return "; ".join(found)


def _facts(found: Contract) -> str:
    facts = {
        "key": ", ".join(found.key),
        "ordering": found.ordering,
        "owner": found.owner,
        "retention": f"{found.retention_days} days" if found.retention_days else "kept",
        "compatibility": found.compatibility,
        "dead letters": found.dead_letter,
    }
    return " · ".join(f"{name}: {fact}" for name, fact in facts.items() if fact)


def _first_line(record: type) -> str:
    return (record.__doc__ or "").split("\n")[0]


def _block(value: Any) -> str:
    return "```json\n" + json.dumps(value, ensure_ascii=False, indent=2) + "\n```"
