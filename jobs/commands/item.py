"""`aiic item ID`: what is known of an item, now or at a time, with the evidence marked in its own text."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from pipelines.tunnel.reading import FieldText, ItemView
    from schemas.knowledge import KnowledgeRow

EVIDENCE_STYLE = "black on yellow"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `item`."""
    words = "show what is known of an item, and the words that support it"
    parser = subparsers.add_parser("item", help=words, description=words)
    parser.add_argument("item_id", metavar="ID")
    parser.add_argument("--as-of", metavar="TIME", help="as it was: ISO 8601 time (UTC) or commit instant")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")
    parser.add_argument(
        "--warehouse", type=Path, help="folder of all tables (AIIC_WAREHOUSE, build/warehouse)"
    )
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    from infra.hudi_reading import NoTable
    from jobs.warehouse import read_item
    from pipelines.ontology.store import default_warehouse
    from udfs.terminal import harmless

    warehouse = args.warehouse or default_warehouse()
    try:
        view = read_item(warehouse, args.item_id, args.as_of)
    except (ValueError, NoTable) as error:
        print(f"aiic item: {error}", file=sys.stderr)
        return 1
    if view is None:
        then = f" at {args.as_of}" if args.as_of else ""
        listed = 'aiic sql "SELECT item_id FROM items LIMIT 10" shows some'
        print(f"aiic item: nothing is known of {harmless(args.item_id)}{then}; {listed}", file=sys.stderr)
        return 1
    if args.json:
        print(json.dumps(as_json(view), indent=1))
    else:
        show(view)
    return 0


def as_json(view: ItemView) -> dict[str, Any]:
    """The item for programs."""
    from schemas.derive import to_mapping

    return {
        "item_id": view.item_id,
        "item": to_mapping(view.item) if view.item else None,
        "knowledge": [to_mapping(row) for row in view.facts],
    }


def show(view: ItemView) -> None:
    """Print the item for people. Text of strangers goes through `harmless` and never through rich's markup."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    console.print(_heading(view))
    if view.facts:
        console.print(_facts(view.facts))
    for field in view.fields:
        console.print(_field(field))
    if view.item is None:
        console.print("(the item's own text is not in the table `items`)", style="dim")


def _heading(view: ItemView) -> Text:
    from rich.text import Text

    from udfs.terminal import harmless

    item = view.item
    category = (item.category_id if item else None) or next((row.category_id for row in view.facts), "?")
    family = (item.spu_id if item else None) or next((row.spu_id for row in view.facts if row.spu_id), None)
    text = Text(harmless(view.item_id), style="bold")
    text.append(f"   category {harmless(category)}", style="not bold")
    text.append(f"   family {harmless(family)}" if family else "", style="not bold")
    text.append("   TAKEN DOWN" if item and item.is_deleted else "", style="bold red")
    return text


def _facts(facts: tuple[KnowledgeRow, ...]) -> Table:
    """A row a fact; what made it stands below the table, once for all rows that have it in common."""
    from rich.table import Table
    from rich.text import Text

    from udfs.terminal import harmless

    makers = list(dict.fromkeys(map(_made, facts)))
    table = Table("attribute", "values", "conf.", "method", "evidence", "by", box=None, pad_edge=False)
    for row in facts:
        said = "; ".join(row.value_texts)
        cells = (row.attr_id, said, f"{row.confidence:.2f}", row.provenance.method, _words(row))
        shown = [Text(harmless(cell)) for cell in cells]
        shown[1] = shown[1] if said else Text("not stated", style="dim")
        table.add_row(*shown, Text(str(makers.index(_made(row)) + 1), style="dim"))
    lines = [f"{number} {harmless(made)}" for number, made in enumerate(makers, 1)]
    table.caption, table.caption_justify = Text("\n".join(lines), style="dim"), "left"
    return table


def _made(row: KnowledgeRow) -> str:
    when = datetime.fromtimestamp(row.event_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    by = row.provenance
    return (
        f"{by.tier} run {by.run_id}, ontology {by.ontology_version}, state of {when}, version {row.version}"
    )


def _words(row: KnowledgeRow) -> str:
    """The first words that support each value, and the field that they stand in; what an image shows has no words."""
    first = {found.value: found for found in reversed(row.evidence)}
    return "; ".join(f"{found.words or 'seen'} ({found.source_field})" for found in reversed(first.values()))


def _field(field: FieldText) -> Text:
    """A field's text with the supporting words marked and followed by the value they support."""
    from rich.text import Text

    from udfs.terminal import harmless

    text = Text(f"{harmless(field.name)}: ", style="bold")
    for piece in field.pieces:
        text.append(" [...] " if piece.cut else "", style="dim not bold")
        text.append(
            harmless(piece.text, keep="\n"),
            style=f"not bold {EVIDENCE_STYLE if piece.values else ''}".strip(),
        )
    return text
