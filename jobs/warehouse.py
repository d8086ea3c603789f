"""The tables of a warehouse for readers without a JVM: views for SQL, and one item with all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from infra.duckdb import View
from infra.hudi_reading import file_slices, instant_of, is_table, read_slices, rows_of
from pipelines.ontology.store import OntologyStore
from pipelines.tunnel.merge import items_table, knowledge_table
from pipelines.tunnel.reading import ItemView, item_view
from schemas.derive import arrow_schema, arrow_to_records
from schemas.item import Item
from schemas.knowledge import KnowledgeRow

R = TypeVar("R")
ALL = "_all"
"""Ending of the views that show tombstones, too."""
_ONTOLOGY_PARTS = ("categories", "keys", "category_keys", "values", "value_sets", "tags")
_LINKS = (
    "SELECT ontology, category_id, unnest(key_refs) AS key_ref, unnest(value_set_ids) AS value_set_id"
    " FROM __category_keys"
)
_KEYS = (
    "SELECT links.ontology, links.category_id, keys.* EXCLUDE (ontology, ref, category_id), links.value_set_id"
    f" FROM ({_LINKS}) AS links JOIN __keys AS keys ON keys.ontology = links.ontology AND keys.ref = links.key_ref"
)
_ONTOLOGY_VIEWS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "ontology_categories": (("categories",), "SELECT * FROM __categories"),
    "ontology_keys": (("keys", "category_keys"), _KEYS),
    "ontology_values": (
        ("keys", "category_keys", "values", "value_sets"),
        "SELECT k.ontology, k.category_id, k.key_id, v.* EXCLUDE (ontology, ref)"
        f" FROM ({_KEYS}) AS k"
        " JOIN (SELECT ontology, value_set_id, unnest(value_refs) AS ref FROM __value_sets) AS s"
        " ON s.ontology = k.ontology AND s.value_set_id = k.value_set_id"
        " JOIN __values AS v ON v.ontology = s.ontology AND v.ref = s.ref",
    ),
    "ontology_tags": (("tags",), "SELECT * FROM __tags"),
}


def sql_views(warehouse: Path, as_of: str | None = None) -> dict[str, View]:
    """What `aiic sql` can name: item_knowledge and items (live rows), the same with `_all` (tombstones, too), and
    the newest version of every ontology.

    Errors: ValueError for no time.
    """
    instant = instant_of(as_of) if as_of else None
    views = {}
    for name, table, record in _tables(warehouse):
        load = {f"__{name}": partial(_load, table, record, instant)}
        columns = ", ".join(f'"{column}"' for column in arrow_schema(record).names)
        views[name] = View(load, f'SELECT {columns} FROM "__{name}" WHERE NOT is_deleted')
        views[name + ALL] = View(load, f'SELECT {columns}, _hoodie_commit_time AS commit FROM "__{name}"')
    if (warehouse / "ontology").is_dir():
        for name, (parts, sql) in _ONTOLOGY_VIEWS.items():
            loads = {f"__{part}": partial(_load_ontology, warehouse, part) for part in parts}
            views[name] = View(loads, sql)
    return views


def read_item(warehouse: Path, item_id: str, as_of: str | None = None) -> ItemView | None:
    """An item and what is known of it, now or at a time; None where neither was then.

    Errors: NoTable where there is no item_knowledge; ValueError for no time.
    """
    instant = instant_of(as_of) if as_of else None
    rows = _records(knowledge_table(warehouse), KnowledgeRow, item_id, instant)
    known = is_table(items_table(warehouse))
    items = _records(items_table(warehouse), Item, item_id, instant) if known else []
    return item_view(item_id, items[0] if items else None, rows) if rows or items else None


def _tables(warehouse: Path) -> tuple[tuple[str, Path, type], ...]:
    knowledge, items = knowledge_table(warehouse), items_table(warehouse)
    return ((knowledge.name, knowledge, KnowledgeRow), (items.name, items, Item))


def _records(table: Path, record: type[R], item_id: str, instant: str | None) -> list[R]:
    found = rows_of(table, "item_id", [item_id], as_of=instant)
    return arrow_to_records(found, record) if found.num_rows else []


def _load(table: Path, record: type, instant: str | None) -> pa.Table:
    """A whole table. Errors: NoTable."""
    batches = list(read_slices(table, file_slices(table, as_of=instant), as_of=instant))
    if batches:
        return pa.Table.from_batches(batches)
    return pa.schema([("_hoodie_commit_time", pa.string()), *arrow_schema(record)]).empty_table()


def _load_ontology(warehouse: Path, part: str) -> pa.Table:
    """One table of the newest version of each ontology, with the ontology's name."""
    tables = []
    for folder in sorted((warehouse / "ontology").iterdir()):
        head = OntologyStore(warehouse, folder.name).head() if (folder / "versions").is_dir() else None
        for file in sorted(head.parts.checksums) if head else ():
            if file.rpartition("-")[0] == part:
                table = pq.read_table(folder / "parts" / file)
                tables.append(
                    table.add_column(0, "ontology", pa.array([folder.name] * len(table), pa.string()))
                )
    return pa.concat_tables(tables)
