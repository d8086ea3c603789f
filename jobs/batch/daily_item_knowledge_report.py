"""Step `report`: report.json and report.html of the day's plan."""

from __future__ import annotations

import os
import platform

from jobs.batch.daily_item_knowledge_context import Context, say
from pipelines.apps.run_report import render_run_report
from pipelines.ontology.release import open_release
from pipelines.reduction.ledger import Prices
from pipelines.tunnel.plan_folder import write_json, write_whole
from pipelines.tunnel.run_summary import summarise
from schemas.derive import to_mapping


def report(context: Context) -> None:
    """Write the report into the plan's folder; it may be written again at any time."""
    folder, plan, entries = context.current()
    categories = open_release(context.release).snapshot.categories
    names = {category_id: category.name for category_id, category in categories.items()}
    summary = summarise(folder, plan, entries, names, _machine(), Prices(context.config.machine_hour))
    write_json(folder.root / "report.json", to_mapping(summary))
    write_whole(folder.root / "report.html", render_run_report(summary).encode("utf-8"))
    say(f"report: {folder.root / 'report.html'}")


def _machine() -> dict[str, str]:
    return {
        "system": platform.platform(terse=True),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }
