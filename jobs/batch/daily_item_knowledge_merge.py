"""Step `merge`: the results of a plan into item_knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import SparkSession

from infra.hudi_reading import commits, is_table
from infra.spark import struct_type
from jobs.batch.merge import merge_files, merge_items
from pipelines.tunnel.merge import MergedFiles, MergeResult
from pipelines.tunnel.plan_folder import PlanFolder
from schemas.shard import ShardEntry, ShardItem


def take_over_items(spark: SparkSession, folder: PlanFolder, table: Path) -> MergeResult:
    """Merge a plan's listings into items."""
    listings = spark.read.schema(struct_type(ShardItem)).parquet(str(folder.listings))
    return merge_items(spark, listings, table)


def unmerged_results(folder: PlanFolder, entries: Sequence[ShardEntry], table: Path) -> list[Path]:
    """The results that the table does not hold yet; needs no Spark."""
    results = [folder.result(entry.shard_id) for entry in entries]
    return MergedFiles(table).without(results, lambda: commits(table)) if is_table(table) else results


def merge_results(spark: SparkSession, results: Sequence[Path], table: Path) -> dict[str, int]:
    """Merge results; returns what was counted. Repeating it changes nothing.

    Errors: TableLocked, SchemaMismatch; the table is then as it was.
    """
    merged = merge_files(spark, results, table)
    return {"rows_merged": merged.written, "rows_changed": merged.changed}
