"""What the demo shows at its end: three items with their evidence, and what to try next."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pyarrow.parquet as pq

from infra.spark_submit import ROOT
from pipelines.tunnel.plan_folder import PlanFolder
from schemas.knowledge import STATED

EXAMPLES = 3


def examples(folder: PlanFolder, hostile: Collection[str], count: int = EXAMPLES) -> list[str]:
    """Items worth showing: of different categories those with the most values, and last one that is hostile."""
    stated: Counter[tuple[str, str]] = Counter()
    for path in sorted((folder.root / "results").glob("*.parquet")):
        rows = pq.read_table(path, columns=["item_id", "category_id", "status"]).to_pylist()
        stated.update((row["category_id"], row["item_id"]) for row in rows if row["status"] == STATED)
    best: dict[str, str] = {}
    for (category_id, item_id), _ in sorted(stated.items(), key=lambda found: (-found[1], found[0])):
        if item_id not in hostile:
            best.setdefault(category_id, item_id)
    last = [item_id for _, item_id in sorted(stated) if item_id in hostile][:1]
    return [*list(best.values())[: count - len(last)], *last]


def show_examples(folder: PlanFolder, hostile: Collection[str]) -> None:
    """Three items, as `aiic item` shows them."""
    for item_id in examples(folder, hostile):
        print(flush=True)
        subprocess.run([str(ROOT / "aiic"), "item", item_id], check=False)


def show_next_steps(folder: PlanFolder, catalog: Path) -> None:
    """Commands to try after the demo."""
    another = examples(folder, (), EXAMPLES + 2)[-1]
    print("\nNext:")
    for words, command in (
        ("the report as a page", f"open {folder.root / 'report.html'}"),
        ("another item", f"./aiic item {another}"),
        ("ask the table", "./aiic sql \"select attr_id, count(*) from item_knowledge group by 1 order by 2 desc limit 10\""),
        ("how good it is", f"./aiic evaluate --ontology {_short(catalog / 'ontology')} "
         f"--listings {_short(catalog / 'listings.jsonl')} --gold {_short(catalog / 'gold.jsonl')}"),
        ("your own data", "./aiic run --listings F --ontology DIR"),
        ("end the servers", "./aiic down"),
    ):  # fmt: skip
        print(f"  {words + ':':<22}{command}")


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT))
