"""Step `merge`: results of a plan into item_knowledge, and tombstones for what they end."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from infra.hudi import PRUNE_MAX_VALUES, present_rows
from infra.spark import struct_type
from jobs.batch.merge import KNOWLEDGE, merge_files
from pipelines.tunnel.plan_folder import PlanFolder, read_items, write_table
from pipelines.tunnel.retire import RowFacts, ended_by, grouped_by_item
from schemas.derive import arrow_to_records, record_to_arrow
from schemas.knowledge import KnowledgeRow
from schemas.shard import ShardEntry

FACTS = tuple(name for name in RowFacts.__slots__ if name != "is_new")


def merge_results(
    spark: SparkSession, folder: PlanFolder, entries: Sequence[ShardEntry], table: Path
) -> dict[str, int]:
    """Merge a recognised plan; returns what was counted. Repeating it changes nothing."""
    results = [str(folder.result(entry.shard_id)) for entry in entries]
    outdated, ended = end_old_rows(spark, results, folder.root / "ended", _item_ids(folder, entries), table)
    paths = results
    if outdated:
        kept = str(folder.root / "kept")
        rows = spark.read.schema(struct_type(KnowledgeRow)).parquet(*results)
        rows.where(~F.col("item_id").isin(outdated)).write.mode("overwrite").parquet(kept)
        paths = [kept]
    merged = merge_files(spark, [*paths, *ended], str(table))
    return {"items_outdated": len(outdated), **_counts(merged)}


def end_old_rows(
    spark: SparkSession, results: Sequence[str], into: Path, item_ids: Sequence[str] | None, table: Path
) -> tuple[list[str], list[str]]:
    """Compare results with the table: ids of outdated items, and files of tombstones written below `into`."""
    shutil.rmtree(into, ignore_errors=True)
    if not table.exists():
        return [], []
    present = present_rows(spark, KNOWLEDGE, table, FACTS, item_ids).withColumn("is_new", F.lit(False))
    new = spark.read.schema(struct_type(KnowledgeRow)).parquet(*results).select(*FACTS)
    both = new.withColumn("is_new", F.lit(True)).unionByName(present)
    outdated = ended_rows(both, into).collect()
    return sorted(row.item_id for row in outdated), sorted(str(path) for path in into.glob("*.parquet"))


def ended_rows(facts: DataFrame, into: Path) -> DataFrame:
    """Write the tombstones of all items, one file a task; returns the ids of outdated items."""

    def compare(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        outdated: list[str] = []
        tombstones: list[KnowledgeRow] = []
        for group in grouped_by_item(_facts(batches)):
            ended = ended_by(group)
            tombstones += ended.tombstones
            if ended.is_outdated:
                outdated.append(group[0].item_id)
        if tombstones:
            name = f"{tombstones[0].digest}.parquet"
            write_table(into / name, record_to_arrow(tombstones, KnowledgeRow))
        yield pa.RecordBatch.from_pydict({"item_id": pa.array(outdated, pa.string())})

    schema = StructType().add("item_id", "string")
    return facts.repartition("item_id").sortWithinPartitions("item_id").mapInArrow(compare, schema)


def _facts(batches: Iterable[pa.RecordBatch]) -> Iterator[RowFacts]:
    for batch in batches:
        yield from arrow_to_records(batch, RowFacts)


def _item_ids(folder: PlanFolder, entries: Sequence[ShardEntry]) -> list[str] | None:
    """Ids of a plan's items where they are few enough to look up by name."""
    if sum(entry.rows for entry in entries) > PRUNE_MAX_VALUES:
        return None
    return [item.listing.item_id for entry in entries for item in read_items(folder.shard(entry))]


def _counts(merged: object) -> dict[str, int]:
    return {"rows_merged": int(getattr(merged, "rows", 0))}
