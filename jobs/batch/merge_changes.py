"""What one commit of item_knowledge changed, read back from the table itself (T8): nothing is lost between the two."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from infra.hudi import TableSpec, present_rows
from infra.hudi_reading import COMMIT_TIME, commits, is_table
from infra.spark import struct_type
from pipelines.tunnel.merge import changes_folder
from schemas.change import Change


def changes_of(
    spark: SparkSession, spec: TableSpec, table: Path, commit: str, first_sequence: int = 0
) -> DataFrame:
    """The rows before and after a commit, as `Change`, numbered in the order of their keys.

    Reads the table as of the commit and as of the one before it: a merge that died after its commit, or any
    commit within the table's retention, can still be published.
    """
    columns = spec.schema.names
    key = list(spec.key)
    after = present_rows(spark, spec, table, [*columns, COMMIT_TIME], None, as_of=commit)
    after = after.where(F.col(COMMIT_TIME) == commit).select(*key, F.struct(*columns).alias("after"))
    earlier = [instant for instant in commits(table) if instant < commit]
    if earlier:
        before = present_rows(spark, spec, table, columns, None, as_of=earlier[-1])
        joined = after.join(before.select(*key, F.struct(*columns).alias("before")), key, "left")
    else:
        joined = after.withColumn("before", F.lit(None).cast(after.schema["after"].dataType))
    number = F.row_number().over(Window.orderBy(*key)).cast("long") - 1 + first_sequence
    numbered = joined.withColumn("commit", F.lit(commit)).withColumn("sequence", number)
    return numbered.select(*[F.col(part.name).cast(part.dataType) for part in struct_type(Change)])


def write_changes(spark: SparkSession, spec: TableSpec, table: Path, commit: str) -> Path:
    """Write the changes of a commit as Parquet to <table>_changes/<commit>/, numbered on from those written before."""
    folder = changes_folder(table, commit)
    earlier = [
        found
        for found in sorted(folder.parent.glob("[0-9]*"))
        if found.name < commit and (found / "_SUCCESS").exists()
    ]
    first = 0
    if earlier:
        newest = spark.read.parquet(earlier[-1].resolve().as_uri()).agg(F.max("sequence")).first()
        first = int(newest[0]) + 1 if newest and newest[0] is not None else 0
    changes_of(spark, spec, table, commit, first).coalesce(1).write.mode("overwrite").parquet(
        folder.resolve().as_uri()
    )
    return folder


def unwritten(table: Path) -> list[str]:
    """The commits whose changes were not written, oldest first, from the first that were: what a restart publishes."""
    written = {path.parent.name for path in changes_folder(table, "").glob("*/_SUCCESS")}
    return (
        [
            instant
            for instant in commits(table)
            if written and instant > min(written) and instant not in written
        ]
        if is_table(table)
        else []
    )
