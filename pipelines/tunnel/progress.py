"""How far a run of the offline tier is, read from the plan's folder alone, so that any process can watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.tunnel.plan_folder import PlanError, PlanFolder, current_plan, read_plan, unfinished
from pipelines.tunnel.run_summary import STEPS
from schemas.shard import ShardEntry


@dataclass(frozen=True, slots=True)
class Progress:
    """Shards and listings of a plan, and how many of them are recognised."""

    shards_done: int
    shards: int
    items_done: int
    items: int
    steps_done: tuple[str, ...] = ()


def progress_of(folder: PlanFolder, entries: Sequence[ShardEntry]) -> Progress:
    """Count what is finished of a plan."""
    items = sum(entry.rows for entry in entries)
    left = unfinished(folder, entries)
    return Progress(
        shards_done=len(entries) - len(left),
        shards=len(entries),
        items_done=items - sum(entry.rows for entry in left),
        items=items,
        steps_done=tuple(step for step in STEPS if folder.step(step).exists()),
    )


def progress_of_day(warehouse: Path, day: str) -> Progress | None:
    """Progress of the day's current plan; None while there is none."""
    try:
        folder = current_plan(warehouse, day)
        return progress_of(folder, read_plan(folder)[1])
    except PlanError:
        return None
