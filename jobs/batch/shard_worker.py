"""What a Spark task does: recognise shards with one recogniser per Python worker process."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from jobs.batch.expected_errors import broken_systems
from pipelines.library.recogniser import Recogniser, RecogniserConfig
from pipelines.tunnel.offline import ShardConfig, recognise_shard, require_same_model
from pipelines.tunnel.plan_folder import Plan, PlanFolder
from schemas.shard import ShardEntry

DONE, FOUND, FAILED, GIVEN_UP = "done", "found", "failed", "given_up"


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What every task of one attempt at a plan needs."""

    folder: PlanFolder
    plan: Plan
    recogniser: RecogniserConfig
    shard: ShardConfig
    attempt: str

    @property
    def stop_file(self) -> Path:
        """Where the first task that meets a broken system tells the others to give up."""
        return self.folder.root / f".stop-{self.attempt}.tmp"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one shard ended: done, found (finished before), failed (a broken system) or given up after a failure."""

    shard_id: str
    state: str
    reason: str = ""


def work_through(order: WorkOrder, entries: Iterable[ShardEntry]) -> Iterator[Outcome]:
    """Recognise shards one after the other.

    A broken system (server gone, disk full, wrong model) ends as an outcome, not as an exception: trying the task
    again at once would not help. Anything else is raised, and Spark tries the task again.
    """
    shard = replace(order.shard, whole_families=not order.recogniser.reduce.reduction.is_off)
    for entry in entries:
        if order.stop_file.exists():
            yield Outcome(entry.shard_id, GIVEN_UP)
            continue
        try:
            loop, recogniser = _opened(order.recogniser)
            require_same_model(order.plan, recogniser)
            work = recognise_shard(order.folder, entry, order.plan, recogniser, shard)
            yield Outcome(entry.shard_id, DONE if loop.run_until_complete(work) else FOUND)
        except broken_systems() as error:
            _tell_others(order.stop_file)
            yield Outcome(entry.shard_id, FAILED, f"{type(error).__name__}: {error}")


@cache
def _opened(config: RecogniserConfig) -> tuple[asyncio.AbstractEventLoop, Recogniser]:
    """The process's recogniser and the loop it lives in: indexes are loaded once, not once a shard."""
    from jobs.reduced import open_run_recogniser  # a second to load, and only workers need it

    loop = asyncio.new_event_loop()
    recogniser = open_run_recogniser(config)
    atexit.register(lambda: loop.run_until_complete(recogniser.close()))
    return loop, recogniser


def _tell_others(stop_file: Path) -> None:
    try:
        stop_file.touch()
    except OSError:
        return  # the disk is full: the others will find that out by themselves
