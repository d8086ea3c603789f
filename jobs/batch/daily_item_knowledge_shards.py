"""Shards of `daily_item_knowledge`, cut and written by Spark as `pipelines.tunnel.plan` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from jobs.batch.daily_item_knowledge_before import WAS, Held, held_of, with_before
from pipelines.tunnel.plan import cut_shards, entry_of
from pipelines.tunnel.plan_folder import PlanFolder, write_before, write_items
from schemas.derive import arrow_to_records, record_to_arrow, spark_schema
from schemas.shard import ShardEntry, ShardItem

BATCH_ROWS = 256


def write_shards(
    spark: SparkSession, folder: PlanFolder, plan_id: str, rows_per_shard: int, known: Path | None = None
) -> list[ShardEntry]:
    """Write all shards of a plan in parallel, each by the task that cut it; returns their manifest.

    `known`: the warehouse whose present knowledge of the listings is written beside their shards, None for nothing.
    """
    items = spark.read.schema(StructType.fromJson(spark_schema(ShardItem))).parquet(str(folder.listings))
    given = items if known is None else with_before(spark, items, known)

    def write(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        entries, held = [], Held()
        for shard in cut_shards(_items(batches, held), rows_per_shard):
            entry = entry_of(shard, plan_id)
            write_before(folder, entry.shard_id, *held.take(shard.items))
            write_items(folder.shard(entry), shard.items)
            entries.append(entry)
        yield from record_to_arrow(entries, ShardEntry).to_batches()

    written = in_shard_order(given).mapInArrow(write, StructType.fromJson(spark_schema(ShardEntry)))
    return [ShardEntry(**row.asDict()) for row in written.collect()]


def in_shard_order(items: DataFrame) -> DataFrame:
    """Listings with every category whole in one partition, sorted inside as `plan.shard_order` says.

    Spark sorts text by its UTF-8 bytes, Python by code points: the same order.
    """
    category = F.coalesce(F.col("listing.category_id"), F.lit(""))
    spu = F.coalesce(F.when(F.col("listing.spu_id") != "", F.col("listing.spu_id")), F.col("listing.item_id"))
    return items.repartition(category).sortWithinPartitions(category, spu, F.col("listing.item_id"))


def _items(batches: Iterable[pa.RecordBatch], held: Held) -> Iterator[ShardItem]:
    for batch in batches:
        # A listing's rows are many: few listings at a time become objects.
        for at in range(0, batch.num_rows, BATCH_ROWS):
            piece = batch.slice(at, BATCH_ROWS)
            if WAS in piece.schema.names:
                held.add(*held_of(piece))
            yield from arrow_to_records(piece, ShardItem)
