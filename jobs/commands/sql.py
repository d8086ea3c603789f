"""`aiic sql "SELECT ..."`: SQL over the warehouse by DuckDB, without a JVM."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any, TextIO

MAX_TABLE_ROWS = 1_000
_EXAMPLES = """views: item_knowledge, items (live rows), item_knowledge_all, items_all (tombstones too, and the commit),
ontology_categories, ontology_keys, ontology_values, ontology_tags (newest version of each ontology).

examples:
  aiic sql "SELECT attr_id, count(*) FROM item_knowledge GROUP BY 1 ORDER BY 2 DESC"
  aiic sql "SELECT item_id, unnest(evidence).words FROM item_knowledge WHERE confidence < .6" --format csv
  aiic sql "SELECT count(*) FROM item_knowledge" --as-of 2026-11-01T12:00:00Z"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `sql`."""
    parser = subparsers.add_parser(
        "sql",
        help="run one SELECT over the tables",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "statement", metavar="SELECT", help="one statement that reads; SHOW TABLES lists the views"
    )
    parser.add_argument("--as-of", metavar="TIME", help="as it was: ISO 8601 time (UTC) or commit instant")
    parser.add_argument("--format", choices=sorted(_WRITERS), default="table", help="default %(default)s")
    parser.add_argument(
        "--warehouse", type=Path, help="folder of all tables (AIIC_WAREHOUSE, build/warehouse)"
    )
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    from infra.duckdb import run_sql
    from infra.hudi_reading import NoTable
    from jobs.warehouse import sql_views
    from pipelines.ontology.errors import OntologyError
    from pipelines.ontology.store import default_warehouse

    try:
        views = sql_views(args.warehouse or default_warehouse(), args.as_of)
        result = run_sql(args.statement, views)
    except (ValueError, NoTable, OntologyError) as error:
        print(f"aiic sql: {error}", file=sys.stderr)
        return 1
    _WRITERS[args.format](result.column_names, [tuple(row.values()) for row in _rows(result)], sys.stdout)
    return 0


def _rows(result: Any) -> list[dict[str, Any]]:
    # Columns of one name would fall together in a mapping.
    numbered = result.rename_columns([str(number) for number in range(result.num_columns)])
    return list(numbered.to_pylist())


def _write_table(names: list[str], rows: list[tuple[Any, ...]], out: TextIO) -> None:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from udfs.terminal import harmless

    table = Table(*[Column(Text(harmless(name))) for name in names])
    for row in rows[:MAX_TABLE_ROWS]:
        table.add_row(*[Text(harmless(_cell(value))) for value in row])
    # A pipe has no width: there, lines are as long as they are.
    console = Console(file=out, width=None if out.isatty() else 10_000)
    console.print(table)
    more = (
        f", the first {MAX_TABLE_ROWS} shown; --format csv or json gives all"
        if len(rows) > MAX_TABLE_ROWS
        else ""
    )
    print(f"{len(rows)} row{'' if len(rows) == 1 else 's'}{more}", file=out)


def _write_json(names: list[str], rows: list[tuple[Any, ...]], out: TextIO) -> None:
    json.dump([dict(zip(names, row, strict=True)) for row in rows], out, default=str, indent=1)
    out.write("\n")


def _write_csv(names: list[str], rows: list[tuple[Any, ...]], out: TextIO) -> None:
    from udfs.terminal import harmless

    safe = harmless if out.isatty() else str
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([safe(_cell(value)) for value in row] for row in rows)


def _cell(value: Any) -> str:
    """A value as one cell; nested ones as JSON."""
    if value is None:
        return ""
    return (
        json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
    )


_WRITERS = {"table": _write_table, "json": _write_json, "csv": _write_csv}
