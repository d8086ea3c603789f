"""Step `merge`: the results of a plan into item_knowledge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import SparkSession

from infra.spark import struct_type
from jobs.batch.daily_item_knowledge_context import Context, now_ms, say
from jobs.batch.merge import merge_items
from jobs.batch.merge_handover import merge_or_hand_over, unmerged
from pipelines.tunnel.merge import MergeResult, knowledge_table
from pipelines.tunnel.plan_folder import PlanError, PlanFolder, unfinished
from pipelines.tunnel.run_summary import add_to_step
from schemas.shard import ShardEntry, ShardItem


def merge(context: Context) -> None:
    """Bring the results into item_knowledge, unless they are there; by the streaming merge where that runs.

    Errors: PlanError while shards are left; TableLocked, SchemaMismatch, and the table is as it was; as
    `merge_or_hand_over`.
    """
    folder, plan, entries = context.current()
    left = unfinished(folder, entries)
    if left:
        raise PlanError(
            f"{len(left)} of {len(entries)} shards are not recognised; run the `recognise` step first"
        )
    table = knowledge_table(context.config.warehouse)
    results = unmerged_results(folder, entries, table)
    if not results:
        say("merge: the table holds all results of this plan, nothing to do")
        return
    started_s = time.monotonic()
    merged = merge_or_hand_over(lambda: context.spark, results, table, plan.run_id, plan.started_ms)
    counts = {"rows_merged": merged.written, "rows_changed": merged.changed}
    add_to_step(folder, "merge", {"merge": time.monotonic() - started_s}, counts, now_ms())
    say(f"merge: {merged.written:,} rows written, {merged.changed:,} of them say something new")


def take_over_items(spark: SparkSession, folder: PlanFolder, table: Path) -> MergeResult:
    """Merge a plan's listings into items."""
    listings = spark.read.schema(struct_type(ShardItem)).parquet(str(folder.listings))
    return merge_items(spark, listings, table)


def unmerged_results(folder: PlanFolder, entries: Sequence[ShardEntry], table: Path) -> list[Path]:
    """The results that the table does not hold yet; needs no Spark."""
    results = [folder.result(entry.shard_id) for entry in entries]
    return unmerged(results, table)
