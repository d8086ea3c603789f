"""Shards of `daily_item_knowledge`, cut and written by Spark as `pipelines.tunnel.plan` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from pipelines.tunnel.plan import cut_shards, entry_of
from pipelines.tunnel.plan_folder import PlanFolder, write_items
from schemas.derive import arrow_to_records, record_to_arrow, spark_schema
from schemas.shard import ShardEntry, ShardItem


def write_shards(
    spark: SparkSession, folder: PlanFolder, plan_id: str, rows_per_shard: int
) -> list[ShardEntry]:
    """Write all shards of a plan in parallel, each by the task that cut it; returns their manifest."""
    items = spark.read.schema(StructType.fromJson(spark_schema(ShardItem))).parquet(str(folder.listings))

    def write(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        entries = []
        for shard in cut_shards(_items(batches), rows_per_shard):
            entry = entry_of(shard, plan_id)
            write_items(folder.shard(entry), shard.items)
            entries.append(entry)
        yield from record_to_arrow(entries, ShardEntry).to_batches()

    written = in_shard_order(items).mapInArrow(write, StructType.fromJson(spark_schema(ShardEntry)))
    return [ShardEntry(**row.asDict()) for row in written.collect()]


def in_shard_order(items: DataFrame) -> DataFrame:
    """Listings with every category whole in one partition, sorted inside as `plan.shard_order` says.

    Spark sorts text by its UTF-8 bytes, Python by code points: the same order.
    """
    category = F.coalesce(F.col("listing.category_id"), F.lit(""))
    spu = F.coalesce(F.when(F.col("listing.spu_id") != "", F.col("listing.spu_id")), F.col("listing.item_id"))
    return items.repartition(category).sortWithinPartitions(category, spu, F.col("listing.item_id"))


def _items(batches: Iterable[pa.RecordBatch]) -> Iterator[ShardItem]:
    for batch in batches:
        yield from arrow_to_records(batch, ShardItem)
