"""One Spark session for the whole folder, and small helpers to make rows and compare tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from infra.hudi import HudiSettings, present_rows
from infra.spark import spark_session, struct_type
from jobs.batch.merge import KNOWLEDGE
from schemas.derive import arrow_to_records, record_to_arrow
from schemas.knowledge import STATED, Evidence, KnowledgeRow, Provenance
from udfs.version import with_digest

SMALL = HudiSettings(buckets=2, parallelism=2)
# Short tests gain more from a JVM that starts fast than from one that runs fast.
QUICK_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
QUICK = {
    "spark.driver.extraJavaOptions": QUICK_JVM,
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
}


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = spark_session("tests", driver_memory="1g", conf=QUICK)
    yield session
    session.stop()


def knowledge_row(
    item: str,
    attr: str,
    version: int,
    text: str = "loose leaf",
    category: str = "tea",
    deleted: bool = False,
) -> KnowledgeRow:
    """A row with everything in it, nested parts included."""
    row = KnowledgeRow(
        item_id=item,
        attr_id=attr,
        category_id=category,
        spu_id=None if version % 2 else "spu-1",
        value_ids=("v1", ""),
        value_texts=(text, "茶"),
        status=STATED,
        evidence=(Evidence(text, "title", 0, len(text), text), Evidence("茶", "attributes.类", 3, 4, "茶")),
        confidence=0.5,
        provenance=Provenance("offline", "rule", "m", "v1", "", f"run-{version}"),
        fingerprint="f",
        event_ms=version,
        version=version,
        digest="",
        is_deleted=deleted,
    )
    return with_digest(row)


def frame(spark: SparkSession, rows: Sequence[KnowledgeRow], folder: Path) -> DataFrame:
    """Rows as a DataFrame, through Parquet as the offline job hands them over."""
    path = parquet(rows, folder / f"rows-{len(list(folder.glob('rows-*')))}.parquet")
    return spark.read.schema(struct_type(KnowledgeRow)).parquet(str(path))


def parquet(rows: Sequence[KnowledgeRow], path: Path) -> Path:
    """Rows as a Parquet file."""
    pq.write_table(record_to_arrow(rows, KnowledgeRow), path)
    return path


def table_rows(
    spark: SparkSession, table: Path, as_of: str | None = None
) -> dict[tuple[str, str], KnowledgeRow]:
    """All rows of a table by key, read bucket by bucket without Spark's own reader."""
    frame = present_rows(spark, KNOWLEDGE, table, KNOWLEDGE.schema.names, None, as_of)
    return by_key(arrow_to_records(_arrow(frame), KnowledgeRow))


def spark_rows(frame: DataFrame) -> dict[tuple[str, str], KnowledgeRow]:
    """All rows of a DataFrame of knowledge rows by key."""
    return by_key(arrow_to_records(_arrow(frame), KnowledgeRow))


def by_key(rows: Sequence[KnowledgeRow]) -> dict[tuple[str, str], KnowledgeRow]:
    found = {(row.item_id, row.attr_id): row for row in rows}
    assert len(found) == len(rows), "two rows of one key"
    return found


def _arrow(frame: DataFrame) -> pa.Table:
    batches = frame._collect_as_arrow()
    return pa.Table.from_batches(batches) if batches else record_to_arrow([], KnowledgeRow)
