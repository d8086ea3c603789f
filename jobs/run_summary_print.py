"""What a newcomer wants to see after a run: counts, three items with their evidence, where things are, what next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jobs.daily_run import did_nothing, read_report
from pipelines.tunnel.plan_folder import PlanFolder

COUNTS = (
    ("listings_read", "listings read"),
    ("rejected", "rejected (see rejects.jsonl)"),
    ("items_recognised", "items recognised"),
    ("pairs", "item x key pairs answered"),
    ("triples", "triples (item, key, value)"),
    ("rows_merged", "rows of item_knowledge written"),
)


STEP_SECONDS = ("intake", "items", "plan", "recognise", "merge")


def print_run(folder: PlanFolder, warehouse: Path, since_s: float, console: Console | None = None) -> None:
    """Print the counts of a run that began at `since_s`, who answered, and where its report is."""
    out = console or Console()
    if did_nothing(folder, since_s):
        out.print(
            "Nothing was repeated: the same listings were finished before with this ontology and these models."
        )
    report = read_report(folder)
    out.print(_table(report))
    # A report of an earlier program knows methods only.
    answered = report.get("answered") or report["methods"]
    shown = ", ".join(f"{name} {count:,}" for name, count in sorted(answered.items(), key=lambda e: -e[1]))
    out.print(f"answered by: {shown or 'nobody'}", highlight=False)
    for note in report["notes"]:
        out.print(f"note: {note}", highlight=False, markup=False)
    places = {
        "report": folder.root / "report.html",
        "rejects": folder.rejects,
        "table": warehouse / "item_knowledge",
    }
    for name, place in places.items():
        out.print(f"{name + ':':<9}{place}", highlight=False, soft_wrap=True, markup=False)


def _table(report: Mapping[str, Any]) -> Table:
    took_s = sum(report["seconds"].get(step, 0.0) for step in STEP_SECONDS)
    table = Table(
        title=f"run {report['run_id']}", title_justify="left", show_header=False, box=None, padding=(0, 2)
    )
    for name, words in COUNTS:
        if name in report["counts"]:
            table.add_row(words, f"{report['counts'][name]:,}")
    recognise_s = report["seconds"].get("recognise", 0.0)
    if recognise_s:
        table.add_row("pairs a second while recognising", f"{report['counts']['pairs'] / recognise_s:,.1f}")
    tokens = report["tokens"]
    table.add_row(
        "tokens of the model", f"{tokens.get('prompt_tokens', 0) + tokens.get('completion_tokens', 0):,}"
    )
    table.add_row("seconds of all steps", f"{took_s:,.0f}")
    return table
