"""The report of one offline run, from what its steps left in the plan's folder (T10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from pipelines.apps.run_figures import RunFigures
from pipelines.tunnel.plan_folder import Plan, PlanFolder, read_json, write_json
from schemas.derive import arrow_to_records
from schemas.knowledge import KnowledgeRow
from schemas.report import ProgressPoint, RunReport
from schemas.shard import ShardEntry

STEPS = ("plan", "recognise", "merge")


def add_to_step(
    folder: PlanFolder, step: str, seconds: Mapping[str, float], counts: Mapping[str, int], finished_ms: int
) -> None:
    """Note what a step took and did; an interrupted step that goes on adds to what it took before."""
    before = read_json(folder.step(step)) or {"seconds": {}, "counts": {}}
    write_json(
        folder.step(step),
        {
            "finished_ms": finished_ms,
            "seconds": {
                name: round(before["seconds"].get(name, 0.0) + took, 3) for name, took in seconds.items()
            },
            "counts": {**before["counts"], **counts},
        },
    )


def summarise(
    folder: PlanFolder,
    plan: Plan,
    entries: Sequence[ShardEntry],
    names: Mapping[str, str],
    machine: Mapping[str, str],
) -> RunReport:
    """The report of a plan; shards without a result are counted as unfinished. `names`: category names by id."""
    figures, tokens, seconds = RunFigures(), Counter[str](), Counter[str]()
    progress: list[tuple[int, int, int]] = []
    for entry in entries:
        if folder.result(entry.shard_id).exists():
            rows = arrow_to_records(pq.read_table(folder.result(entry.shard_id)), KnowledgeRow)
            figures.add(rows)
            spent = read_json(folder.usage(entry.shard_id)) or {}
            tokens.update(spent.get("tokens", {}))
            seconds.update({f"worker {name}": took for name, took in spent.get("seconds", {}).items()})
            pairs = sum(1 for row in rows if not row.attr_id.startswith("_"))
            progress.append((spent.get("finished_ms", plan.started_ms), entry.rows, pairs))
    steps = {step: read_json(folder.step(step)) or {} for step in STEPS}
    for step in steps.values():
        seconds.update(step.get("seconds", {}))
    return RunReport(
        run_id=plan.run_id,
        day=plan.day,
        started_ms=plan.started_ms,
        finished_ms=max([plan.started_ms, *(step.get("finished_ms", 0) for step in steps.values())]),
        counts=_counts(plan, entries, len(progress), figures, steps),
        seconds={name: round(took, 3) for name, took in seconds.items()},
        tokens=dict(tokens),
        versions={
            "ontology": plan.ontology_version,
            "model": plan.model,
            "generation": str(plan.generation),
            "plan": plan.plan_id,
        },
        methods=dict(figures.methods),
        rejects=dict(plan.rejects),
        confidence=tuple(figures.confidence),
        coverage=figures.coverage(names),
        progress=_progress(plan.started_ms, progress),
        machine=dict(machine),
        notes=plan.notes,
    )


def _counts(
    plan: Plan, entries: Sequence[ShardEntry], finished: int, figures: RunFigures, steps: Mapping[str, Any]
) -> dict[str, int]:
    counts = {
        "listings_read": plan.listings + sum(plan.rejects.values()),
        "rejected": sum(plan.rejects.values()),
        "items_planned": plan.listings,
        "items_recognised": figures.items,
        "shards": len(entries),
        "shards_unfinished": len(entries) - finished,
        "pairs": figures.pairs,
        "triples": figures.triples,
    }
    for step in steps.values():
        counts.update(step.get("counts", {}))
    return counts


def _progress(started_ms: int, shards: Sequence[tuple[int, int, int]]) -> tuple[ProgressPoint, ...]:
    """Items and pairs done at each moment a shard was finished, from the run's start on."""
    points, items, pairs = [ProgressPoint(0.0, 0, 0)], 0, 0
    for finished_ms, of_items, of_pairs in sorted(shards):
        items, pairs = items + of_items, pairs + of_pairs
        points.append(ProgressPoint(max(0.0, (finished_ms - started_ms) / 1000), items, pairs))
    return tuple(points)
