"""A snapshot as normalised Arrow tables of strict schema, and back: what is shared is stored once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import pyarrow as pa

from pipelines.ontology.identity import Identities, content_of, digest
from pipelines.ontology.snapshot import ANY_CATEGORY, CategoryKey, Snapshot, Value, ValueSet
from schemas.derive import arrow_schema, arrow_to_records, record_to_arrow
from schemas.ontology import AttributeKey, Category, ScenarioTag

REF = "ref"
_said = attrgetter(*(found.name for found in fields(AttributeKey)[1:]))


@dataclass(frozen=True, slots=True)
class _Links:
    """The keys of one category, in order, with the value set of each ("" for none)."""

    category_id: str
    key_refs: tuple[str, ...]
    value_set_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _SetRow:
    """A value set by reference."""

    value_set_id: str
    context: str
    value_refs: tuple[str, ...]


def _with_ref(record: type) -> pa.Schema:
    return pa.schema([pa.field(REF, pa.string(), nullable=False), *arrow_schema(record)])


SCHEMAS: Mapping[str, pa.Schema] = {
    "categories": arrow_schema(Category),
    "keys": _with_ref(AttributeKey),
    "category_keys": arrow_schema(_Links),
    "values": _with_ref(Value),
    "value_sets": arrow_schema(_SetRow),
    "tags": arrow_schema(ScenarioTag),
}


@dataclass(frozen=True, slots=True)
class Keyed:
    """A table whose first column is its unique key, sorted by it, with a content digest of each row."""

    table: pa.Table
    ids: Sequence[str]
    digests: Sequence[str]


def to_tables(snapshot: Snapshot) -> dict[str, Keyed]:
    """The tables of a snapshot; equal content gives equal tables, whatever order it was read in."""
    key_refs, links = _links(snapshot)
    identities = Identities()
    sets = [_set_row(found, identities) for found in snapshot.value_sets.values()]
    values = {ref: value for value, ref in identities.refs.items()}
    return {
        "categories": _records(snapshot.categories, Category),
        "keys": _referenced(key_refs, AttributeKey),
        "category_keys": _records({found.category_id: found for found in links}, _Links),
        "values": _referenced(values, Value),
        "value_sets": _records({found.value_set_id: found for found in sets}, _SetRow),
        "tags": _records(snapshot.tags, ScenarioTag),
    }


def _links(snapshot: Snapshot) -> tuple[dict[str, AttributeKey], list[_Links]]:
    """Distinct key definitions by reference, and the links of every category."""
    refs: dict[tuple[Any, ...], str] = {}
    keys: dict[str, AttributeKey] = {}

    def ref_of(key: AttributeKey) -> str:
        content = _content(key)
        if content not in refs:
            shared = AttributeKey(ANY_CATEGORY, *content)
            refs[content] = digest(content_of(shared))
            keys[refs[content]] = shared
        return refs[content]

    every = dict(snapshot.keys)
    if snapshot.spare_keys:
        every[ANY_CATEGORY] = snapshot.spare_keys
    rows = [
        _Links(found, tuple(ref_of(link.key) for link in links), tuple(link.value_set_id for link in links))
        for found, links in every.items()
    ]
    return keys, rows


def _set_row(found: ValueSet, identities: Identities) -> _SetRow:
    return _SetRow(
        found.value_set_id, found.context, tuple(identities.value_ref(value) for value in found.values)
    )


def _records(by_id: Mapping[str, Any], record: type) -> Keyed:
    ids = sorted(by_id)
    rows = [by_id[found] for found in ids]
    return Keyed(record_to_arrow(rows, record), ids, [digest(content_of(row)) for row in rows])


def _referenced(by_ref: Mapping[str, Any], record: type) -> Keyed:
    refs = sorted(by_ref)
    rows = record_to_arrow([by_ref[ref] for ref in refs], record)
    table = pa.Table.from_arrays([pa.array(refs, pa.string()), *rows.columns], schema=_with_ref(record))
    return Keyed(table, refs, refs)


def from_tables(version: str, tables: Mapping[str, pa.Table]) -> Snapshot:
    """The snapshot that `to_tables` was given.

    Errors: KeyError when a row refers to one that is not there; SchemaMismatch for other columns.
    """
    keys = _by_ref(tables["keys"], AttributeKey)
    values = _by_ref(tables["values"], Value)
    contents = {ref: _content(key) for ref, key in keys.items()}
    links = {
        row.category_id: tuple(
            CategoryKey(AttributeKey(row.category_id, *contents[ref]), set_id)
            for ref, set_id in zip(row.key_refs, row.value_set_ids, strict=True)
        )
        for row in arrow_to_records(tables["category_keys"], _Links)
    }
    sets = (
        ValueSet(row.value_set_id, row.context, tuple(values[ref] for ref in row.value_refs))
        for row in arrow_to_records(tables["value_sets"], _SetRow)
    )
    return Snapshot(
        version=version,
        categories={row.category_id: row for row in arrow_to_records(tables["categories"], Category)},
        spare_keys=links.pop(ANY_CATEGORY, ()),
        keys=links,
        value_sets={found.value_set_id: found for found in sets},
        tags={row.tag_id: row for row in arrow_to_records(tables["tags"], ScenarioTag)},
    )


def _by_ref(table: pa.Table, record: type) -> dict[str, Any]:
    rows: Iterable[Any] = arrow_to_records(table, record)
    return dict(zip(table.column(REF).to_pylist(), rows, strict=True))


def _content(key: AttributeKey) -> tuple[Any, ...]:
    """A key without its category, its first field."""
    content: tuple[Any, ...] = _said(key)
    return content
