"""Step `plan`: intake, then shards and manifest, written by Spark; an existing plan of the same inputs is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from pipelines.tunnel.intake import read_listings
from pipelines.tunnel.intake_read import EmptyInput
from pipelines.tunnel.intake_rejects import reject_file
from pipelines.tunnel.plan import ListingsDigest, cut_shards, entry_of
from pipelines.tunnel.plan_folder import PlanFolder, write_items
from schemas.derive import arrow_schema, arrow_to_records, record_to_arrow, spark_schema
from schemas.shard import Reject, ShardEntry, ShardItem

BATCH_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Intake:
    """What intake left in its folder: listings.parquet and rejects.jsonl."""

    folder: PlanFolder
    digest: str
    listings: int
    rejects: dict[str, int]
    notes: tuple[str, ...]


def take_in(paths: list[Path], folder: PlanFolder, now_ms: int, default_event_ms: int, limit: int) -> Intake:
    """Check the listings, and write the accepted ones and the rejects to a folder of this process.

    Errors: IntakeError for input that is absent, empty or unreadable; EmptyInput when every listing was refused.
    """
    batch = read_listings(paths, now_ms, default_event_ms)
    digest = ListingsDigest()
    folder.root.mkdir(parents=True, exist_ok=True)
    with (
        reject_file(folder.rejects) as rejects,
        pq.ParquetWriter(folder.listings, arrow_schema(ShardItem)) as writer,
    ):
        accepted = _accepted(batch, rejects.add)
        for rows in _batches(islice(accepted, limit) if limit else accepted):
            for item in rows:
                digest.add(item)
            writer.write_table(record_to_arrow(rows, ShardItem))
    if not digest.count:
        raise EmptyInput(f"none of the {batch.records} listings keeps its contract: see {folder.rejects}")
    notes = [f"Only the first {limit} listings were taken."] if limit else []
    if batch.unknown_fields:
        notes.append(f"Fields that listings do not have were left out: {', '.join(batch.unknown_fields)}.")
    return Intake(folder, digest.hex(), digest.count, dict(rejects.reasons), tuple(notes))


def keep_intake(intake: Intake, folder: PlanFolder) -> None:
    """Move what intake wrote into the plan's folder."""
    folder.root.mkdir(parents=True, exist_ok=True)
    for name in ("listings.parquet", "rejects.jsonl"):
        (intake.folder.root / name).replace(folder.root / name)
    shutil.rmtree(intake.folder.root, ignore_errors=True)


def discard(intake: Intake) -> None:
    """Remove what intake wrote."""
    shutil.rmtree(intake.folder.root, ignore_errors=True)


def staging(day_folder: Path) -> PlanFolder:
    """Where this process takes in; folders of killed processes are removed."""
    for left in day_folder.glob(".intake-*"):
        if not Path(f"/proc/{left.name.rpartition('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return PlanFolder(day_folder / f".intake-{os.getpid()}")


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


def _accepted(batch: Iterable[ShardItem | Reject], refuse: Callable[[Reject], None]) -> Iterator[ShardItem]:
    for entry in batch:
        if isinstance(entry, ShardItem):
            yield entry
        else:
            refuse(entry)


def _batches(items: Iterable[ShardItem]) -> Iterator[list[ShardItem]]:
    iterator = iter(items)
    while rows := list(islice(iterator, BATCH_ROWS)):
        yield rows
