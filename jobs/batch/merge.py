"""MERGE, the only writer of item_knowledge and items: last write wins on the table (paper section 6.2; T4).

`merge_rows` takes a DataFrame, `merge_files` finished Parquet shards, `merge_items` listings. Whatever the order,
number or repetition of their calls, and wherever one was killed, the table ends in `udfs.version.settle` of all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from infra.hudi import PRUNE_MAX_VALUES, HudiSettings, TableSpec, present_rows, upsert
from infra.hudi_reading import commits, is_table
from infra.spark import struct_type
from infra.table_lock import table_lock
from jobs.batch import merge_frames as frames
from jobs.batch.merge_changes import write_changes
from pipelines.tunnel.merge import NOTHING_MERGED, MergeConfig, MergedFiles, MergeResult
from schemas.derive import SchemaMismatch, arrow_to_records
from schemas.item import Item
from schemas.knowledge import KnowledgeRow
from udfs.version import SAID_FIELDS

KNOWLEDGE = TableSpec(KnowledgeRow)
ITEMS = TableSpec(Item)
DEFAULTS = MergeConfig()
HUDI_DEFAULTS = HudiSettings()


def merge_rows(
    spark: SparkSession,
    rows: DataFrame,
    table: Path,
    config: MergeConfig = DEFAULTS,
    settings: HudiSettings = HUDI_DEFAULTS,
) -> MergeResult:
    """Merge knowledge rows into item_knowledge as one commit, or none where nothing wins.

    Errors: TableLocked, and the table is untouched; what Spark raises, and the next merge undoes the half commit.
    """
    with _kept(_of_contract(rows, KNOWLEDGE)) as given:
        return _merge_locked(spark, given, table, config, settings)


def merge_files(
    spark: SparkSession,
    files: Sequence[Path],
    table: Path,
    config: MergeConfig = DEFAULTS,
    settings: HudiSettings = HUDI_DEFAULTS,
) -> MergeResult:
    """Merge finished shards of knowledge rows. Files that the table holds already are not read again.

    Errors: SchemaMismatch naming the file that breaks the contract, before anything is written; as `merge_rows`.
    """
    note = MergedFiles(table)
    new = note.without(files, lambda: commits(table))
    if not new:
        return NOTHING_MERGED
    for path in new:
        require_contract(path)
    # Reading a few columns of the files again costs less than holding all of their rows.
    rows = spark.read.schema(struct_type(KnowledgeRow)).parquet(*map(str, new))
    merged = _merge_locked(spark, rows, table, config, settings)
    if is_table(table):
        note.add(new, merged.commit or commits(table)[-1])
    return merged


def merge_items(
    spark: SparkSession,
    listings: DataFrame,
    table: Path,
    config: MergeConfig = DEFAULTS,
    settings: HudiSettings = HUDI_DEFAULTS,
) -> MergeResult:
    """Merge listings into items: columns of `ShardItem` (listing, event_ms), or of `Listing` with event_ms.

    Errors: as `merge_rows`.
    """
    flat = listings.select("listing.*", "event_ms") if "listing" in listings.columns else listings
    given = flat if "digest" in flat.columns else flat.withColumn("digest", _listing_digest(flat))
    with table_lock(spark, table, "merge", config.wait_for_lock_s), _kept(_of_contract(given, ITEMS)) as rows:
        distinct = frames.newest_of_each(rows, ITEMS.key, ITEMS.ordering)
        batch = _batch_of(rows, ITEMS)
        present = present_rows(spark, ITEMS, table, ("item_id", "event_ms", "digest"), batch.item_ids)
        winners = frames.real_winners(distinct, present, ITEMS.key, ITEMS.ordering, ("digest",))
        return _commit(winners, batch, ITEMS, table, settings)


def _merge_locked(
    spark: SparkSession, rows: DataFrame, table: Path, config: MergeConfig, settings: HudiSettings
) -> MergeResult:
    with table_lock(spark, table, "merge", config.wait_for_lock_s):
        merged = _merge_knowledge(spark, rows, table, settings)
        if config.write_changes and merged.commit:
            write_changes(spark, KNOWLEDGE, table, merged.commit)
    return merged


def _merge_knowledge(
    spark: SparkSession, rows: DataFrame, table: Path, settings: HudiSettings
) -> MergeResult:
    batch = _batch_of(rows, KNOWLEDGE)
    with _kept(present_rows(spark, KNOWLEDGE, table, frames.PRESENT_FIELDS, batch.item_ids)) as present:
        distinct = rows
        if batch.keys < batch.rows:
            distinct = frames.newest_of_each(rows, KNOWLEDGE.key, KNOWLEDGE.ordering)
        winners = frames.real_winners(distinct, present, KNOWLEDGE.key, KNOWLEDGE.ordering, SAID_FIELDS)
        with _kept(frames.item_pasts(rows, present)) as pasts:
            if not pasts.isEmpty():
                winners = _with_retired(spark, winners, present, pasts, table, batch.item_ids)
            return _commit(winners, batch, KNOWLEDGE, table, settings)


def _with_retired(
    spark: SparkSession,
    winners: DataFrame,
    present: DataFrame,
    pasts: DataFrame,
    table: Path,
    item_ids: list[str] | None,
) -> DataFrame:
    """The winners, and the tombstones of what their items have left behind."""
    settled = frames.retire_left_behind(winners, pasts)
    settled = settled.unionByName(frames.moved_rows(pasts, settled))
    left = frames.newly_left_behind(present, winners, pasts)
    if left.isEmpty():
        return settled
    whole = present_rows(spark, KNOWLEDGE, table, KNOWLEDGE.schema.names, item_ids)
    return settled.unionByName(frames.retired_rows(whole.join(left, list(KNOWLEDGE.key), "left_semi")))


def _commit(
    winners: DataFrame, batch: _Batch, table: TableSpec, path: Path, settings: HudiSettings
) -> MergeResult:
    """Write the winners, if any, and count."""
    with _kept(winners) as kept:
        counts = kept.agg(F.count("*"), F.coalesce(F.sum(F.col("_changed").cast("long")), F.lit(0))).first()
        written, changed = (int(counts[0]), int(counts[1])) if counts else (0, 0)
        commit = upsert(kept.drop("_changed"), table, path, settings) if written else None
    return MergeResult(batch.rows, batch.keys, written, changed, commit)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a merge must know of its rows. `item_ids`: None where they are too many to look up by name."""

    rows: int
    keys: int
    item_ids: list[str] | None


def _batch_of(rows: DataFrame, table: TableSpec) -> _Batch:
    counts = [F.count("*").alias("rows"), F.count_distinct(*table.key).alias("keys")]
    with _kept(rows.groupBy(table.hash_field).agg(*counts)) as items:
        total = items.agg(F.count("*"), F.sum("rows"), F.sum("keys")).first()
        number, read, keys = (int(value or 0) for value in total) if total else (0, 0, 0)
        names = (
            [row[0] for row in items.select(table.hash_field).collect()]
            if number <= PRUNE_MAX_VALUES
            else None
        )
    return _Batch(read, keys, names)


def _of_contract(rows: DataFrame, table: TableSpec) -> DataFrame:
    """The contract's columns, in order. Errors: AnalysisException for an absent one."""
    return rows.select(*[F.col(part.name).cast(part.dataType).alias(part.name) for part in table.schema])


def _listing_digest(listings: DataFrame) -> Column:
    """Digest of a listing's content; a map's order does not count."""
    parts = [
        F.array_sort(F.map_entries(name)).alias(name) if kind.startswith("map") else F.col(name)
        for name, kind in sorted(listings.dtypes)
    ]
    return F.md5(F.to_json(F.struct(*parts)))


def require_contract(path: Path) -> None:
    """Errors: SchemaMismatch naming a file that is no shard of knowledge rows."""
    try:
        arrow_to_records(pq.read_schema(path).empty_table(), KnowledgeRow)
    except (SchemaMismatch, OSError, pa.ArrowException) as error:
        raise SchemaMismatch(f"{path}: not a shard of knowledge rows: {error}") from error


@contextmanager
def _kept(rows: DataFrame) -> Iterator[DataFrame]:
    """Compute a DataFrame once, however often it is used inside."""
    kept = rows.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        yield kept
    finally:
        kept.unpersist()
