"""The report of one offline run, from what its steps left in the plan's folder (T10)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import pyarrow.parquet as pq

from pipelines.apps.run_figures import TAKEN, RunFigures
from pipelines.library.answers import Usage
from pipelines.reduction.flow import Span
from pipelines.reduction.ledger import DEFAULT_PRICES, MODEL, RANKER, TAKEN_OVER, Prices, run_ledger
from pipelines.tunnel.offline import TIER
from pipelines.tunnel.plan_folder import Plan, PlanFolder, read_json, write_json
from schemas.derive import arrow_to_records
from schemas.knowledge import KnowledgeRow
from schemas.report import LedgerEntry, ProgressPoint, RunReport, TimelineSpan
from schemas.shard import ShardEntry

STEPS = ("plan", "recognise", "merge")
NO_TOKENS: Mapping[str, int] = MappingProxyType({})
MOST_CHUNKS = 40
"""Chunks in the report's timeline: more are no picture any more."""


def add_to_step(
    folder: PlanFolder,
    step: str,
    seconds: Mapping[str, float],
    counts: Mapping[str, int],
    finished_ms: int,
    tokens: Mapping[str, int] = NO_TOKENS,
) -> None:
    """Note what a step took and did; an interrupted step that goes on adds to the seconds and tokens it took before."""
    before = read_json(folder.step(step)) or {"seconds": {}, "counts": {}}
    noted: dict[str, Any] = {
        "finished_ms": finished_ms,
        "seconds": {
            name: round(before["seconds"].get(name, 0.0) + took, 3) for name, took in seconds.items()
        },
        "counts": {**before["counts"], **counts},
    }
    spent = Counter(before.get("tokens", {})) + Counter(tokens)
    if spent:
        noted["tokens"] = dict(spent)
    write_json(folder.step(step), noted)


def summarise(
    folder: PlanFolder,
    plan: Plan,
    entries: Sequence[ShardEntry],
    names: Mapping[str, str],
    machine: Mapping[str, str],
    prices: Prices = DEFAULT_PRICES,
) -> RunReport:
    """The report of a plan; shards without a result are counted as unfinished. `names`: category names by id."""
    figures, usage, seconds = RunFigures(plan.run_id), Usage(), Counter[str]()
    progress: list[tuple[int, int, int]] = []
    spans: list[list[Span]] = []
    for entry in entries:
        if folder.result(entry.shard_id).exists():
            rows = arrow_to_records(pq.read_table(folder.result(entry.shard_id)), KnowledgeRow)
            figures.add(rows)
            spent = read_json(folder.usage(entry.shard_id)) or {}
            usage.tokens.update(spent.get("tokens", {}))
            for name, took in spent.get("seconds", {}).items():
                usage.seconds[name] += took
            spans.append([Span(*span) for span in spent.get("spans", ())])
            pairs = sum(1 for row in rows if not row.attr_id.startswith("_"))
            progress.append((spent.get("finished_ms", plan.started_ms), entry.rows, pairs))
    seconds.update({f"worker {name}": took for name, took in usage.seconds.items()})
    tokens = Counter(usage.tokens)
    steps = {step: read_json(folder.step(step)) or {} for step in STEPS}
    for step in steps.values():
        seconds.update(step.get("seconds", {}))
        tokens.update(step.get("tokens", {}))
    ledger = run_ledger(
        TIER,
        usage,
        _by_part(figures.answered),
        _by_part(figures.triples_by),
        seconds.get("recognise", 0.0),
        prices,
    )
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
        answered=dict(figures.answered),
        ledger=tuple(LedgerEntry(**asdict(line)) for line in ledger),
        timeline=_timeline(spans),
    )


def _by_part(counts: Mapping[str, int]) -> Counter[str]:
    """Counts by who answered, added up to the parts of the ledger."""
    found: Counter[str] = Counter()
    for who, count in counts.items():
        part = TAKEN_OVER if who in TAKEN else MODEL if who == MODEL else RANKER
        found[part] += count
    return found


def _timeline(shards: Sequence[Sequence[Span]]) -> tuple[TimelineSpan, ...]:
    """The first chunks of all shards as one timeline, in the order in which they came, from its first moment on."""
    came: dict[tuple[int, int], float] = {}
    for number, spans in enumerate(shards):
        for span in spans:
            came[number, span.chunk] = min(span.came_s, came.get((number, span.chunk), span.came_s))
    shown = sorted(came, key=lambda chunk: (came[chunk], chunk))[:MOST_CHUNKS]
    place = {chunk: at for at, chunk in enumerate(shown)}
    start_s = min(came.values(), default=0.0)
    return tuple(
        TimelineSpan(
            place[number, span.chunk],
            span.stage,
            *(round(at_s - start_s, 3) for at_s in (span.came_s, span.began_s, span.ended_s)),
        )
        for number, spans in enumerate(shards)
        for span in spans
        if (number, span.chunk) in place
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
