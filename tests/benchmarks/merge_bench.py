"""Sustained merge into item_knowledge with a million rows present: rows written a second, with the look-up of winners,
the commits, and the commits' share of a compaction (one every `HudiSettings.compact_after` commits).

Run: `python -m tests.benchmarks.merge_bench [--present ROWS] [--batch ROWS] [--commits N]`. Batches are Parquet shards
of whole items: half of them are present (their rows win), a quarter as many rows come late or twice and lose.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import psutil
from pyspark.sql import DataFrame, SparkSession

from infra.hudi import HudiSettings, compact
from infra.spark import spark_session
from jobs.batch.merge import KNOWLEDGE, merge_files
from pipelines.tunnel.merge import MergeResult
from tests.benchmarks.parts import write_part

ATTRIBUTES = 20
FORMS = "array('loose leaf', 'tea bag', 'powder', 'compressed', 'ground')"


def rows(spark: SparkSession, first_item: int, items: int, version: int) -> DataFrame:
    """Rows of whole items: two evidences, provenance, digests, as recognition writes them."""
    value = f"concat(element_at({FORMS}, cast(id % 5 as int) + 1), ' ', id % 997)"
    evidence = f"named_struct('value', {value}, 'source_field', 'title', 'start', id % 80, 'end', id % 80 + 14, 'words', {value})"
    frame = spark.range(first_item * ATTRIBUTES, (first_item + items) * ATTRIBUTES, 1, 4).selectExpr(
        f"concat('sku-', lpad(id div {ATTRIBUTES}, 9, '0')) AS item_id",
        f"concat('attribute_', id % {ATTRIBUTES}) AS attr_id",
        f"concat('category-', (id div {ATTRIBUTES}) % 200) AS category_id",
        f"concat('spu-', id div {5 * ATTRIBUTES}) AS spu_id",
        "array(concat('category.attribute.', id % 997)) AS value_ids",
        f"array({value}) AS value_texts",
        "if(id % 4 = 0, 'not_stated', 'stated') AS status",
        f"if(id % 3 = 0, array({evidence}, {evidence}), array({evidence})) AS evidence",
        "round((id % 1000) / 1000, 4) AS confidence",
        "named_struct('tier', 'offline', 'method', 'ranker', 'model', 'ranker-1+smollm2', 'ontology_version', 'v1-0123456789ab',"
        f" 'prompt_version', 'p1', 'run_id', 'run-{version}') AS provenance",
        f"md5(concat(id, 'f', {version})) AS fingerprint",
        f"1790000000000L + {version} AS event_ms",
        f"shiftleft(1790000000000L + {version}, 21) AS version",
        f"md5(concat(id, 'd', {version})) AS digest",
        "false AS is_deleted",
    )
    return frame.select(*[frame[part.name].cast(part.dataType) for part in KNOWLEDGE.schema])


def shards(frame: DataFrame, folder: Path) -> list[Path]:
    """Rows as Parquet files."""
    frame.write.mode("overwrite").parquet(str(folder))
    return sorted(folder.glob("*.parquet"))


def batch_of(spark: SparkSession, number: int, present_items: int, size: int, folder: Path) -> list[Path]:
    """One batch: half new items, half items that are present, and late repeats of a quarter as many rows."""
    half = size // ATTRIBUTES // 2
    new = rows(spark, present_items + number * half, half, 1000)
    start = (number * 7919 * half) % max(1, present_items - half)
    updated, late = rows(spark, start, half, 2000 + number), rows(spark, start, half // 2, 1)
    return shards(new.unionByName(updated).unionByName(late), folder / f"batch-{number}")


def timed(
    spark: SparkSession, files: list[Path], table: Path, settings: HudiSettings
) -> tuple[MergeResult, float]:
    """One merge and its seconds."""
    began = time.perf_counter()
    done = merge_files(spark, files, table, settings=settings)
    return done, time.perf_counter() - began


def cpu_s() -> float:
    """Processor seconds so far of the JVM and the Python workers, which live as long as this process."""
    return sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children(recursive=True))


def main() -> None:
    """Measure and write the part `merge`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--present", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=80_000)
    parser.add_argument("--commits", type=int, default=10)
    parser.add_argument("--buckets", type=int, default=HudiSettings().buckets)
    args = parser.parse_args()
    settings = HudiSettings(buckets=args.buckets)
    spark = spark_session("merge-bench", driver_memory="3g")
    folder = Path(tempfile.mkdtemp(prefix="merge-bench-"))
    try:
        figures = measure(spark, folder, settings, args.present, args.batch, args.commits)
    finally:
        spark.stop()
        shutil.rmtree(folder)
    print(write_part("merge", figures))


def measure(
    spark: SparkSession, folder: Path, settings: HudiSettings, present: int, batch: int, number: int
) -> dict[str, float]:
    """Fill the table, warm up with one commit, then merge `number` batches and count everything."""
    table, items = folder / "item_knowledge", present // ATTRIBUTES
    done, first_s = timed(spark, shards(rows(spark, 0, items, 100), folder / "first"), table, settings)
    print(f"first {done.written} rows: {first_s:.1f} s", flush=True)
    timed(spark, batch_of(spark, number, items, batch, folder), table, settings)
    batches = [batch_of(spark, at, items, batch, folder) for at in range(number)]
    read, written, commits_s, slowest_s = 0, 0, 0.0, 0.0
    cpu_before_s = cpu_s()
    for files in batches:
        done, took_s = timed(spark, files, table, settings)
        read, written = read + done.read, written + done.written
        commits_s, slowest_s = commits_s + took_s, max(slowest_s, took_s)
        said = (
            f"{done.read} rows, {done.written} written: {took_s:.1f} s, {done.written / took_s:.0f} written/s"
        )
        print(f"{said}, load {os.getloadavg()[0]:.1f}", flush=True)
    commits_cpu_s = cpu_s() - cpu_before_s
    began = time.perf_counter()
    compact(spark, table)
    compact_s = time.perf_counter() - began
    print(f"compaction: {compact_s:.1f} s", flush=True)
    share_s = compact_s * number / settings.compact_after
    return {
        "merge_rows_per_s": round(written / (commits_s + share_s), 1),
        "merge_rows_per_s_without_compaction": round(written / commits_s, 1),
        "merge_rows_given_per_s": round(read / (commits_s + share_s), 1),
        "merge_first_load_rows_per_s": round(present / first_s, 1),
        "merge_slowest_commit_s": round(slowest_s, 1),
        "merge_compaction_s": round(compact_s, 1),
        # What the rate would be with a core of one's own: tells how far other work on the machine slowed it.
        "merge_rows_per_cpu_s": round(written / commits_cpu_s, 1),
        "merge_compaction_cpu_s": round(cpu_s() - cpu_before_s - commits_cpu_s, 1),
        "merge_rows_present": present,
        "merge_rows_written_a_commit": round(written / number),
    }


if __name__ == "__main__":
    main()
