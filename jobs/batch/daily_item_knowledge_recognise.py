"""Step `recognise`: Spark tasks claim the unfinished shards of the day's plan."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from pyspark.sql import SparkSession

from jobs.batch.daily_item_knowledge_cache import cache_use, prefix_cache
from jobs.batch.daily_item_knowledge_context import Context, now_ms, say
from jobs.batch.progress_bar import shown_progress
from jobs.batch.shard_worker import DONE, FAILED, GIVEN_UP, Outcome, WorkOrder, work_through
from pipelines.library.recogniser import RecogniserConfig
from pipelines.tunnel.offline import ShardConfig
from pipelines.tunnel.plan_folder import Plan, PlanFolder, sweep_partials, unfinished
from pipelines.tunnel.progress import progress_of
from pipelines.tunnel.run_summary import add_to_step
from schemas.shard import ShardEntry


class RecogniseFailed(RuntimeError):
    """Shards are left because a system that they need is broken. Finished shards are kept."""


def recognise(context: Context) -> None:
    """Recognise the shards that have no result yet. Errors: PlanError, RecogniseFailed."""
    folder, plan, entries = context.current()
    if not unfinished(folder, entries):
        say(f"recognise: all {len(entries)} shards were finished before, nothing to do")
        return
    done = recognise_plan(context.spark, folder, plan, entries, context.recogniser, context.config.shard)
    say(f"recognise: {done} of {len(entries)} shards recognised, the others were finished before")


def recognise_plan(
    spark: SparkSession,
    folder: PlanFolder,
    plan: Plan,
    entries: Sequence[ShardEntry],
    recogniser: RecogniserConfig,
    shard: ShardConfig,
) -> int:
    """Recognise what is unfinished of a plan; returns how many shards that were.

    Errors: RecogniseFailed; run it again when the cause is removed.
    """
    left = unfinished(folder, entries)
    if not left:
        return 0
    started, cache = time.monotonic(), prefix_cache(recogniser)
    order = WorkOrder(folder, plan, recogniser, shard, uuid.uuid4().hex[:12])
    try:
        with shown_progress(lambda: progress_of(folder, entries)):
            outcomes = claim_shards(spark, order, left)
    finally:
        took = {"recognise": time.monotonic() - started}
        add_to_step(folder, "recognise", took, {}, now_ms(), cache_use(cache, prefix_cache(recogniser)))
    _require_all_done(outcomes)
    sweep_partials(folder)
    return sum(1 for outcome in outcomes if outcome.state == DONE)


def claim_shards(spark: SparkSession, order: WorkOrder, entries: Sequence[ShardEntry]) -> list[Outcome]:
    """One Spark task a shard, the largest first: a free core takes the next, so a slow shard delays nobody."""
    largest_first = sorted(entries, key=lambda entry: (-entry.rows, entry.shard_id))
    tasks = spark.sparkContext.parallelize(largest_first, len(largest_first))
    return tasks.mapPartitions(lambda claimed: work_through(order, claimed)).collect()


def _require_all_done(outcomes: Sequence[Outcome]) -> None:
    failed = [outcome for outcome in outcomes if outcome.state == FAILED]
    if failed:
        given_up = sum(1 for outcome in outcomes if outcome.state == GIVEN_UP)
        raise RecogniseFailed(
            f"{failed[0].reason}\n{len(failed) + given_up} of {len(outcomes)} shards are left, the others are kept; "
            "remove the cause (`./aiic status` shows the servers) and run the same command again"
        )
