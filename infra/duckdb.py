"""SQL over tables in memory by DuckDB: statements that only read, and reach nothing but the tables they are given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

Load = Callable[[], pa.Table]
_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_LISTS_TABLES = re.compile(r"\s*show\b", re.IGNORECASE)
MAX_RESULT_BYTES = 1 << 30
_BATCH_ROWS = 100_000
_INTERNAL = "__"
_BEGINNING: dict[str, str | int | float | list[str]] = {
    "memory_limit": "4GB",
    # Nothing is written, not even what does not fit into memory.
    "temp_directory": "",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Else a statement could name the variables of this program.
    "python_enable_replacements": False,
}


class SqlRefused(ValueError):
    """A statement that does not only read, or that DuckDB cannot run. The message says what to do."""


@dataclass(frozen=True, slots=True)
class View:
    """A name that statements may use: the tables it is made of, loaded when a statement names it, and how."""

    tables: Mapping[str, Load]
    sql: str


def run_sql(
    statement: str, views: Mapping[str, View], threads: int = 2, max_bytes: int = MAX_RESULT_BYTES
) -> pa.Table:
    """The result of one reading statement over the views.

    Files, networks, extensions and settings are out of its reach.
    Errors: SqlRefused, also for a result of more than `max_bytes`; those of loading a view.
    """
    with duckdb.connect(":memory:", config={**_BEGINNING, "threads": threads}) as connection:
        _require_reading(connection, statement)
        for name in _named(statement, views):
            _create(connection, name, views[name])
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            result = _result(connection, statement, max_bytes)
        except (
            duckdb.Error,
            OSError,
        ) as error:  # OSError: what Arrow makes of DuckDB's errors between two batches
            raise SqlRefused(f"{error}\nThere are: {', '.join(sorted(views))}") from error
    return _without_internal(result) if _LISTS_TABLES.match(statement) else result


def _result(connection: duckdb.DuckDBPyConnection, statement: str, max_bytes: int) -> pa.Table:
    """The whole result, taken piece by piece: a slip in a join must not fill the machine's memory."""
    reader = connection.sql(statement).to_arrow_reader(_BATCH_ROWS)
    batches, size = [], 0
    for batch in reader:
        batches.append(batch)
        size += batch.nbytes
        if size > max_bytes:
            raise SqlRefused(
                f"the result has more than {max_bytes >> 20:,} MiB: add a LIMIT or a condition, or aggregate"
            )
    return pa.Table.from_batches(batches, reader.schema)


def _without_internal(listed: pa.Table) -> pa.Table:
    """A list of tables without those that views are made of."""
    if "name" not in listed.column_names:
        return listed
    shown = [not name.startswith(_INTERNAL) for name in listed.column("name").to_pylist()]
    return listed.filter(pa.array(shown, pa.bool_()))


def _require_reading(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    try:
        found = connection.extract_statements(statement)
    except duckdb.Error as error:
        raise SqlRefused(str(error)) from error
    if len(found) != 1:
        raise SqlRefused(f"give one statement, not {len(found)}")
    if found[0].type not in _READING:
        raise SqlRefused(f"only statements that read are run (SELECT), not {found[0].type.name}")


def _named(statement: str, views: Mapping[str, View]) -> list[str]:
    """The views whose names occur in the statement; a statement that lists tables gets them all."""
    if _LISTS_TABLES.match(statement):
        return sorted(views)
    return [name for name in sorted(views) if re.search(rf"\b{re.escape(name)}\b", statement, re.IGNORECASE)]


def _create(connection: duckdb.DuckDBPyConnection, name: str, view: View) -> None:
    for table, load in view.tables.items():
        connection.register(table, load())
    connection.execute(f'CREATE VIEW "{name}" AS {view.sql}')
