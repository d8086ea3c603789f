"""What a commit of the streaming merge costs, and how fresh the table is at a sustained rate.

    python -m tests.benchmarks.commit_bench commits [--small 50000] [--large 5000000] [--batch 5000] [--commits 9]
    python -m tests.benchmarks.commit_bench sustained [--rate 1000] [--seconds 300] [--present 50000]

`commits`: the same batch, half of its rows new and half of them newer than present ones, is merged into a small and a
large table in turn, one process, so that other work on the machine falls on both: `commit_ratio_large_small` is the ratio
of the medians. Publication is counted, the broker is not: changes go into a list. The tables are filled by one bulk
insert into the layout that the merge uses, and the writer's state is rebuilt from them by the writer itself. With
`--folder` they stay there, and the next run goes on with them.
`sustained`: a real broker and the real job; rows arrive at the rate, `hudi_p99_s` is from a message's arrival in Kafka to
its rows' commit, compactions included.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from infra.hudi import HudiSettings, safe_key_column, upsert, write_options
from infra.hudi_reading import KEY_PREFIX, file_slices, note_buckets, read_slices
from infra.kafka import Topic, ensure_topics
from infra.merge_state import MergeState, PendingChange
from infra.spark import spark_session
from infra.status_page import look
from jobs.batch.merge import KNOWLEDGE
from jobs.streaming.writer import Writer, WriterSettings, state_folder
from schemas.derive import arrow_to_records
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults
from schemas.topics import RESULTS, TOPICS
from tests.benchmarks.merge_bench import ATTRIBUTES, rows
from tests.benchmarks.parts import write_part
from tests.integration.conftest import ROOT, RunningStack, own_settings, running_stack
from udfs.version import version_of

READY_S = 900.0
BULK_INSERT, UPSERT = "bulk_insert", "upsert"
FILL_AT_ONCE = 500_000
WARM_UP = 2
NOTE = "filled.json"


@dataclass(frozen=True, slots=True)
class CommitPlan:
    """Which tables are compared, where they lie, and how many commits of how many rows each gets."""

    folder: Path
    small: int = 50_000
    large: int = 5_000_000
    batch: int = 5_000
    commits: int = 9
    fill: str = BULK_INSERT


@dataclass
class Table:
    """One table of the comparison with its writer. `batches`: how many it was given since it was filled."""

    path: Path
    present: int
    writer: Writer
    state: MergeState
    batches: int
    times_s: list[float]

    def note(self) -> None:
        """Write down how far it is, for the next run."""
        note = {"present": self.present, "batches": self.batches}
        (self.path.parent / NOTE).write_text(json.dumps(note), "utf-8")


def fill(
    spark: SparkSession, table: Path, present: int, settings: HudiSettings, by: str = BULK_INSERT
) -> float:
    """A new table of so many rows in the merge's layout, by one bulk insert or large upserts; how long that took."""
    began = time.perf_counter()
    if by == UPSERT:
        for first in range(0, present // ATTRIBUTES, FILL_AT_ONCE // ATTRIBUTES):
            number = min(FILL_AT_ONCE, present - first * ATTRIBUTES) // ATTRIBUTES
            upsert(rows(spark, first, number, 100), KNOWLEDGE, table, settings)
        return time.perf_counter() - began
    options = write_options(KNOWLEDGE, note_buckets(table, settings.buckets), settings) | {
        "hoodie.datasource.write.operation": BULK_INSERT,
        "hoodie.combine.before.insert": "false",
    }
    keys = [safe_key_column(name).alias(f"{KEY_PREFIX}{name}") for name in KNOWLEDGE.key]
    frame = rows(spark, 0, present // ATTRIBUTES, 100)
    frame = frame.select(*frame.columns, *keys)
    frame.write.format("hudi").options(**options).mode("append").save(table.resolve().as_uri())
    return time.perf_counter() - began


def batch(spark: SparkSession, number: int, items: int, size: int) -> list[KnowledgeRow]:
    """Half new items, half items that are present, spread over the table."""
    half = size // ATTRIBUTES // 2
    new = rows(spark, items + number * half, half, 1000)
    newer = rows(spark, (number * 7919 * half) % max(1, items - half), half, 2000 + number)
    batches = new.unionByName(newer)._collect_as_arrow()
    return [row for found in batches for row in arrow_to_records(found, KnowledgeRow)]


def open_table(
    spark: SparkSession,
    folder: Path,
    present: int,
    settings: WriterSettings,
    sink: list[PendingChange],
    by: str,
) -> Table:
    """The table of so many rows with its writer: as the last run left it, or filled now."""
    path = folder / "item_knowledge"
    note = json.loads((folder / NOTE).read_text("utf-8")) if (folder / NOTE).is_file() else {}
    if note.get("present") != present:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        filled_s = fill(spark, path, present, settings.hudi, by)
        print(f"{folder.name}: {present:,} rows in {filled_s:.0f} s", flush=True)
        note = {}
    state = MergeState.open(state_folder(path))
    writer = Writer(spark, path, state, sink.extend, settings)
    began = time.perf_counter()
    writer.recover()
    print(f"{folder.name}: state ready in {time.perf_counter() - began:.0f} s", flush=True)
    table = Table(path, present, writer, state, int(note.get("batches", 0)), [])
    table.note()
    return table


def measure_commits(plan: CommitPlan) -> dict[str, float]:
    """The ratio, and what it is made of. Errors: RuntimeError where a table does not hold what it was given."""
    spark = spark_session("commit-bench", driver_memory="3g")
    settings, sink = WriterSettings(compact_every=1_000_000), list[PendingChange]()
    sizes = {"small": plan.small, "large": plan.large}
    tables: dict[str, Table] = {}
    try:
        for name, present in sizes.items():
            tables[name] = open_table(spark, plan.folder / name, present, settings, sink, plan.fill)
        for number in range(WARM_UP + plan.commits):
            for name, table in tables.items():
                given = batch(spark, table.batches, table.present // ATTRIBUTES, plan.batch)
                began = time.perf_counter()
                done = table.writer.merge(given)
                took_s = time.perf_counter() - began
                if done.written != len(given):
                    raise RuntimeError(f"{name}: {done.written} of {len(given)} rows were written")
                table.batches += 1
                table.note()
                sink.clear()
                print(
                    f"{name}: {done.written} rows in {took_s:.2f} s, load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
                if number >= WARM_UP:
                    table.times_s.append(took_s)
        check(tables["small"], plan.batch)
    finally:
        for table in tables.values():
            table.state.close()
        spark.stop()
    small, large = (statistics.median(tables[name].times_s) for name in sizes)
    return {
        "commit_ratio_large_small": round(large / small, 3),
        "commit_small_s": round(small, 2),
        "commit_large_s": round(large, 2),
        "commit_rows": plan.batch,
        "commit_commits_each": plan.commits,
        "commit_rows_present_small": plan.small,
        "commit_rows_present_large": plan.large,
    }


def check(table: Table, size: int) -> None:
    """The bulk insert and the commits are one table: each key once, all that was given. Errors: RuntimeError."""
    found = [
        batch.select(["item_id", "attr_id"]) for batch in read_slices(table.path, file_slices(table.path))
    ]
    keys = pa.Table.from_batches(found).group_by(["item_id", "attr_id"]).aggregate([])
    number, wanted = sum(map(len, found)), table.present + table.batches * size // 2
    if not number == keys.num_rows == wanted:
        raise RuntimeError(f"{table.path}: {number} rows, {keys.num_rows} keys, {wanted} were given")


@contextmanager
def broker(folder: Path) -> Iterator[RunningStack]:
    """A broker of its own with all topics."""
    made = running_stack(own_settings(folder / "stack"))
    try:
        made.aiic("up", "--only", "kafka").check_returncode()
        topics = [Topic(one.name, one.partitions, settings=one.kafka_settings()) for one in TOPICS]
        ensure_topics(made.kafka_servers, topics)
        yield made
    finally:
        made.aiic("down")


@contextmanager
def merge(servers: str, warehouse: Path, port: int, options: Sequence[str]) -> Iterator[str]:
    """The real job; yields the address of its page when it is ready."""
    command = [
        sys.executable,
        "-m",
        "jobs.streaming.merge",
        "--warehouse",
        str(warehouse),
        "--kafka",
        servers,
    ]
    log = warehouse / "merge.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port), *options],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + READY_S
        while (told := look(url)) is None or told.get("problem"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the merge did not start\n{log.read_text()[-3000:]}")
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(120)


def message(item: str, number: int, tier: str = "nearline") -> bytes:
    """All rows of one item state, of now, as a tier computed them."""
    now_ms = time.time_ns() // 1_000_000
    version = version_of(now_ms, 1, tier)
    template = TEMPLATE | {"provenance": PROVENANCE | {"tier": tier}}
    found = [
        {**template, "item_id": item, "attr_id": f"attribute_{at}", "event_ms": now_ms, "version": version,
         "digest": f"{number:032x}", "value_texts": [f"value {(number + at) % 997}"]}
        for at in range(ATTRIBUTES)
    ]  # fmt: skip
    head = KnowledgeResults(item, "category-1", now_ms, tier, "bench", ())
    return orjson.dumps({**orjson.loads(orjson.dumps(head)), "rows": found})


PROVENANCE = {
    "method": "ranker",
    "model": "ranker-1",
    "ontology_version": "v1-0123456789ab",
    "prompt_version": "p1",
    "run_id": "bench",
}
TEMPLATE = {
    "category_id": "category-1", "spu_id": None, "value_ids": ["category.attribute.1"], "status": "stated",
    "evidence": [{"value": "value", "source_field": "title", "start": 0, "end": 14, "words": "a value of some"}],
    "confidence": 0.913, "fingerprint": "f" * 32, "is_deleted": False,
}  # fmt: skip


def send_at_rate(servers: str, rate: int, seconds: float, items: int, tier: str = "nearline") -> int:
    """Send item states for a while, as many a second as make the rate of rows; how many rows."""
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=10)
    a_second, began, number = rate / ATTRIBUTES, time.monotonic(), 0
    while (passed_s := time.monotonic() - began) < seconds:
        while number < passed_s * a_second:
            # Every other one is a new item, the others are known ones once more.
            item = f"sku-{items + number:09}" if number % 2 else f"sku-{number * 7919 % max(1, items):09}"
            producer.send(RESULTS, key=item.encode(), value=message(item, number, tier))
            number += 1
        time.sleep(0.01)
    producer.flush()
    producer.close()
    return number * ATTRIBUTES


def measure_sustained(args: argparse.Namespace) -> dict[str, float]:
    """Freshness at a rate, beside everything that the merge does."""
    folder = Path(tempfile.mkdtemp(prefix="sustained-bench-", dir=args.folder))
    warehouse = folder / "warehouse"
    warehouse.mkdir()
    try:
        if args.present:
            spark = spark_session("fill", driver_memory="3g")
            fill(spark, warehouse / "item_knowledge", args.present, WriterSettings().hudi)
            spark.stop()
        options = ["--trigger", str(args.trigger), "--compact-every", str(args.compact_every)]
        with broker(folder) as kafka, merge(kafka.kafka_servers, warehouse, args.port, options) as url:
            sent = send_at_rate(kafka.kafka_servers, args.rate, args.seconds, args.present // ATTRIBUTES)
            deadline = time.monotonic() + args.seconds + 120
            while (told := look(url) or {}).get("rows_read") != sent or told.get("unpublished"):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{sent} rows were sent, the merge tells {told}")
                time.sleep(0.5)
    finally:
        shutil.rmtree(folder)
    print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    freshness = told["freshness_s"]["nearline"]  # type: ignore[index]
    return {
        "hudi_p99_s": round(freshness["p99"], 2),
        "hudi_p50_s": round(freshness["p50"], 2),
        "hudi_rows_per_s": round(sent / args.seconds, 1),
        "hudi_seconds": args.seconds,
        "hudi_commits": int(str(told["commits"])),
        "hudi_compactions": int(str(told.get("compactions", 0))),
        "hudi_rows_present": args.present,
    }


def measured_commits(args: argparse.Namespace) -> dict[str, float]:
    """`measure_commits` as the command line says: tables without a folder are removed again."""
    folder = args.folder or Path(tempfile.mkdtemp(prefix="commit-bench-"))
    try:
        return measure_commits(CommitPlan(folder, args.small, args.large, args.batch, args.commits))
    finally:
        if not args.folder:
            shutil.rmtree(folder)


def main() -> None:
    """Measure and write the part `commits` or `sustained`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["commits", "sustained"])
    parser.add_argument("--small", type=int, default=50_000)
    parser.add_argument("--large", type=int, default=5_000_000)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--commits", type=int, default=9)
    parser.add_argument("--rate", type=int, default=1_000, help="rows a second")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--present", type=int, default=50_000)
    parser.add_argument("--trigger", type=float, default=5.0)
    parser.add_argument("--compact-every", type=int, default=WriterSettings().compact_every)
    parser.add_argument("--port", type=int, default=18149)
    parser.add_argument("--folder", type=Path, help="for the tables: they stay there; default none do")
    args = parser.parse_args()
    figures = measured_commits(args) if args.what == "commits" else measure_sustained(args)
    print(figures)
    print(write_part(args.what, figures))


if __name__ == "__main__":
    main()
