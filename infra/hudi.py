"""Hudi tables on Spark: their settings, stated once, and reading, writing, compacting.

For analysts, in a session of `infra.spark.spark_session`:

    spark.read.format("hudi").load("build/warehouse/item_knowledge").where("NOT is_deleted")
    spark.read.format("hudi").option("as.of.instant", "20261122140001500").load("build/warehouse/item_knowledge")

    register(spark, "item_knowledge", Path("build/warehouse/item_knowledge"))
    spark.sql("SELECT attr_id, count(*) FROM item_knowledge WHERE NOT is_deleted GROUP BY attr_id")
    spark.sql("SELECT * FROM item_knowledge TIMESTAMP AS OF '2026-11-22 14:00:01.500' WHERE item_id = 'sku-1'")

`read_table` leaves out Hudi's own columns. Beside the contract's, a table has `_key_item_id` and `_key_attr_id`: the
key as Hudi can hold it (`infra.hudi_reading.safe_key`). Both readers, Spark and the hudi package, see nested columns
in base files and logs; a bucket's first commit always makes a base file, which the hudi package needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import Broadcast
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from infra.hudi_reading import (
    KEY_PREFIX,
    META_PREFIX,
    FileSlice,
    buckets_with,
    file_slices,
    instant_of,
    is_table,
    last_write,
    note_buckets,
    read_slices,
    require_table,
)
from infra.spark import struct_type
from schemas.contract import contract_of

NOTE_PREFIX = "aiic_"
PRUNE_MAX_VALUES = 200_000
"""Up to so many values of the hash field are looked up by name; above that whole tables are read and joined."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table: its contract's record, and the field whose hash chooses the bucket."""

    record: type
    hash_field: str = "item_id"

    @property
    def name(self) -> str:
        """The name of the table: its contract's."""
        return contract_of(self.record).name

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row."""
        return contract_of(self.record).key

    @property
    def ordering(self) -> str:
        """The column whose greater value wins. Errors: ValueError when the contract has none."""
        found = contract_of(self.record).ordering
        if found is None:
            raise ValueError(f"contract {self.name} has no ordering")
        return found

    @property
    def schema(self) -> StructType:
        """The table's columns."""
        return struct_type(self.record)


@dataclass(frozen=True, slots=True)
class HudiSettings:
    """How tables are laid out and kept.

    `buckets`: of a new table, fixed for its life (the table notes it); Kafka topics have as many partitions or a
    divisor of it. 16 keep a commit of some thousand rows cheap on two cores, and hold some 100 million rows at the
    1 to 2 GB a bucket that Hudi advises.
    `retention_hours`: any time within it can be read "as of"; file versions that only older times need are removed.
    `compact_after`: commits after which the committing process compacts; until then readers merge the logs.
    """

    buckets: int = 16
    retention_hours: int = 30 * 24
    compact_after: int = 20
    parallelism: int = 4


_FILES = {
    # The bucket index needs no bloom filters (440 KB a base file), and file listings here need no index of files.
    "hoodie.parquet.bloom.filter.enabled": "false",
    "hoodie.metadata.enable": "false",
    "hoodie.parquet.compression.codec": "zstd",
}


def table_options(table: TableSpec, buckets: int) -> dict[str, str]:
    """What belongs to the table itself, the same for every writer."""
    return {
        "hoodie.table.name": table.name,
        "hoodie.datasource.write.table.type": "MERGE_ON_READ",
        "hoodie.datasource.write.recordkey.field": ",".join(f"{KEY_PREFIX}{name}" for name in table.key),
        "hoodie.datasource.write.partitionpath.field": "",
        # Hudi would choose a partitioned one for two key fields.
        "hoodie.datasource.write.keygenerator.class": "org.apache.hudi.keygen.NonpartitionedKeyGenerator",
        "hoodie.write.record.merge.mode": "EVENT_TIME_ORDERING",
        "hoodie.table.ordering.fields": table.ordering,
        "hoodie.index.type": "BUCKET",
        "hoodie.index.bucket.engine": "SIMPLE",
        "hoodie.bucket.index.num.buckets": str(buckets),
        "hoodie.bucket.index.hash.field": f"{KEY_PREFIX}{table.hash_field}",
        "hoodie.table.timeline.timezone": "UTC",
    }


def write_options(table: TableSpec, buckets: int, settings: HudiSettings) -> dict[str, str]:
    """What a commit of already distinct rows needs."""
    return table_options(table, buckets) | {
        "hoodie.datasource.write.operation": "upsert",
        # The merge hands over one row a key: a second pass over them would double a commit's time.
        "hoodie.combine.before.upsert": "false",
        "hoodie.upsert.shuffle.parallelism": str(settings.parallelism),
        **_FILES,
        "hoodie.compact.inline": "true" if settings.compact_after else "false",
        "hoodie.compact.inline.max.delta.commits": str(settings.compact_after or 1_000_000),
        "hoodie.clean.automatic": "true",
        "hoodie.clean.trigger.max.commits": "10",
        "hoodie.clean.policy": "KEEP_LATEST_BY_HOURS",
        "hoodie.clean.hours.retained": str(settings.retention_hours),
        "hoodie.keep.min.commits": "1000",
        "hoodie.keep.max.commits": "1100",
    }


def upsert(
    rows: DataFrame,
    table: TableSpec,
    path: Path,
    settings: HudiSettings,
    notes: Mapping[str, str] | None = None,
) -> str:
    """Commit distinct rows and return the commit's instant. Hold the table's lock (`infra.table_lock`).

    `notes` are kept in the commit (`infra.hudi_reading.write_note`); their names begin with `NOTE_PREFIX`.
    """
    options = write_options(table, note_buckets(path, settings.buckets), settings) | dict(notes or {})
    if notes:
        options["hoodie.datasource.write.commitmeta.key.prefix"] = NOTE_PREFIX
    keys = [safe_key_column(name).alias(f"{KEY_PREFIX}{name}") for name in table.key]
    rows = rows.select(*[F.col(part.name).cast(part.dataType) for part in table.schema], *keys)
    rows.write.format("hudi").options(**options).mode("append").save(path.resolve().as_uri())
    return last_write(path)


def safe_key_column(name: str) -> Column:
    """`infra.hudi_reading.safe_key` as a Spark expression."""
    value = F.col(name)
    for character, escape in (("%", "%25"), (",", "%2C"), (":", "%3A")):
        value = F.replace(value, F.lit(character), F.lit(escape))
    return F.when(
        value.isin("__null__", "__empty__"), F.concat(F.lit("%5F"), F.substr(value, F.lit(2)))
    ).otherwise(value)


def read_table(spark: SparkSession, path: Path, as_of: str | None = None) -> DataFrame:
    """The table as it is, or as it was at a time or commit, without Hudi's own columns. Errors: ValueError, NoTable."""
    require_table(path)
    reader = spark.read.format("hudi")
    if as_of:
        reader = reader.option("as.of.instant", instant_of(as_of))
    rows = reader.load(path.resolve().as_uri())
    return rows.drop(*(name for name in rows.columns if name.startswith((META_PREFIX, KEY_PREFIX))))


def present_rows(
    spark: SparkSession,
    table: TableSpec,
    path: Path,
    columns: Sequence[str],
    values: Sequence[str] | None,
    as_of: str | None = None,
) -> DataFrame:
    """Some columns of the rows whose hash field is one of `values`, of all rows for None; none where no table is.

    Each task reads one bucket through the hudi package, which takes a quarter of the time of Spark's merged read.
    """
    schema = StructType([_field(table, name) for name in columns])
    slices = []
    if is_table(path):
        wanted = None if values is None else buckets_with(path, values)
        slices = file_slices(path, wanted, as_of)
    if not slices:
        return spark.createDataFrame([], schema)
    read = partial(
        _read_slices,
        path=path.resolve(),
        slices=slices,
        columns=tuple(columns),
        field=table.hash_field,
        wanted=None if values is None else spark.sparkContext.broadcast(list(values)),
        as_of=as_of,
    )
    tasks = min(len(slices), 2 * spark.sparkContext.defaultParallelism)
    return spark.range(0, len(slices), 1, tasks).mapInArrow(read, schema)


def _field(table: TableSpec, name: str) -> StructField:
    return StructField(name, StringType()) if name.startswith(META_PREFIX) else table.schema[name]


def _read_slices(
    numbers: Iterator[pa.RecordBatch],
    path: Path,
    slices: Sequence[FileSlice],
    columns: Sequence[str],
    field: str,
    wanted: Broadcast[list[str]] | None,
    as_of: str | None,
) -> Iterator[pa.RecordBatch]:
    """Runs in Spark's Python workers: the rows of the slices whose numbers come in."""
    values = None if wanted is None else pa.array(wanted.value, pa.string())
    chosen = [slices[number] for batch in numbers for number in batch.column(0).to_pylist()]
    for batch in read_slices(path, chosen, columns, as_of):
        kept = batch if values is None else batch.filter(pc.is_in(batch.column(field), value_set=values))
        yield kept.select(list(columns))


def compact(spark: SparkSession, path: Path, io_mb: int | None = None) -> str | None:
    """Fold the logs into new base files now; the compaction's instant, None where there was nothing to fold.

    `io_mb` bounds what is read and written: the buckets with the largest logs are folded, at least one, until it is
    used up. Hold the table's lock (`infra.table_lock`).
    """
    require_table(path)
    chosen = {"hoodie.compact.inline.max.delta.commits": "1", **_FILES}
    if io_mb is not None:
        chosen["hoodie.compaction.target.io"] = str(io_mb)
    options = ",".join(f"{name}={value}" for name, value in chosen.items())
    call = "CALL run_compaction(op => '{}', path => '{}', options => '{}')"
    for operation in ("schedule", "run"):
        done = spark.sql(call.format(operation, _quoted(path), options)).collect()
    return str(done[0][0]) if done else None


def register(spark: SparkSession, name: str, path: Path) -> None:
    """Make a table known to Spark SQL under a name, so that `SELECT ... TIMESTAMP AS OF ...` works on it."""
    spark.sql(f"CREATE TABLE IF NOT EXISTS {name} USING hudi LOCATION '{_quoted(path)}'")


def _quoted(path: Path) -> str:
    return path.resolve().as_uri().replace("'", "\\'")
