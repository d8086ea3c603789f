"""What a commit of the streaming merge costs, and how fresh the table is at a sustained rate.

    python -m tests.benchmarks.commit_bench commits [--small 50000] [--large 5000000] [--batch 5000] [--commits 9]
    python -m tests.benchmarks.commit_bench sustained [--rate 1000] [--seconds 300] [--present 50000]

`commits`: the same batch, half of its rows new and half of them newer than present ones, is merged into a small and a
large table in turn, one process, so that other work on the machine falls on both: `commit_ratio_large_small` is the ratio
of the medians. Publication is counted, the broker is not: changes go into a list.
`sustained`: a real broker and the real job; rows arrive at the rate, `hudi_p99_s` is from a message's arrival in Kafka to
its rows' commit, compactions included.
"""

from __future__ import annotations

import argparse
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
from kafka import KafkaProducer
from pyspark.sql import SparkSession

from infra.hudi import HudiSettings, upsert
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

FILL_AT_ONCE = 500_000
READY_S = 900.0
WARM_UP = 2


@dataclass
class Table:
    """One table of the comparison with its writer."""

    items: int
    writer: Writer
    state: MergeState
    times_s: list[float]


def fill(spark: SparkSession, table: Path, present: int, settings: HudiSettings) -> float:
    """A table of so many rows, in large commits; how long that took."""
    began = time.perf_counter()
    items = present // ATTRIBUTES
    for first in range(0, items, FILL_AT_ONCE // ATTRIBUTES):
        number = min(FILL_AT_ONCE // ATTRIBUTES, items - first)
        upsert(rows(spark, first, number, 100), KNOWLEDGE, table, settings)
        print(f"{table.parent.name}: {(first + number) * ATTRIBUTES:,} rows", flush=True)
    return time.perf_counter() - began


def batch(spark: SparkSession, number: int, items: int, size: int) -> list[KnowledgeRow]:
    """Half new items, half items that are present, spread over the table."""
    half = size // ATTRIBUTES // 2
    new = rows(spark, items + number * half, half, 1000)
    newer = rows(spark, (number * 7919 * half) % max(1, items - half), half, 2000 + number)
    batches = new.unionByName(newer)._collect_as_arrow()
    return [row for found in batches for row in arrow_to_records(found, KnowledgeRow)]


def measure_commits(args: argparse.Namespace) -> dict[str, float]:
    """The ratio, and what it is made of."""
    spark = spark_session("commit-bench", driver_memory="3g")
    folder = Path(tempfile.mkdtemp(prefix="commit-bench-", dir=args.folder))
    settings = WriterSettings(compact_every=1_000_000)
    sink: list[PendingChange] = []
    figures: dict[str, float] = {}
    tables = {}
    try:
        for name, present in (("small", args.small), ("large", args.large)):
            table = folder / name / "item_knowledge"
            figures[f"commit_fill_{name}_s"] = round(fill(spark, table, present, settings.hudi), 1)
            state = MergeState.open(state_folder(table))
            writer = Writer(spark, table, state, sink.extend, settings)
            began = time.perf_counter()
            writer.recover()
            figures[f"commit_state_rebuilt_{name}_s"] = round(time.perf_counter() - began, 1)
            tables[name] = Table(present // ATTRIBUTES, writer, state, [])
        for number in range(WARM_UP + args.commits):
            for name, table_of in tables.items():
                given = batch(spark, number, table_of.items, args.batch)
                began = time.perf_counter()
                done = table_of.writer.merge(given)
                took_s = time.perf_counter() - began
                print(
                    f"{name}: {done.written} rows in {took_s:.2f} s, load {os.getloadavg()[0]:.1f}",
                    flush=True,
                )
                if number >= WARM_UP:
                    table_of.times_s.append(took_s)
    finally:
        for table_of in tables.values():
            table_of.state.close()
        spark.stop()
        shutil.rmtree(folder)
    small, large = (statistics.median(tables[name].times_s) for name in ("small", "large"))
    return figures | {
        "commit_ratio_large_small": round(large / small, 3),
        "commit_small_s": round(small, 2),
        "commit_large_s": round(large, 2),
        "commit_rows": args.batch,
        "commit_rows_present_small": args.small,
        "commit_rows_present_large": args.large,
    }


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


def message(item: str, number: int) -> bytes:
    """All rows of one item state, of now."""
    now_ms = time.time_ns() // 1_000_000
    version = version_of(now_ms, 1, "nearline")
    found = [
        {**TEMPLATE, "item_id": item, "attr_id": f"attribute_{at}", "event_ms": now_ms, "version": version,
         "digest": f"{number:032x}", "value_texts": [f"value {(number + at) % 997}"]}
        for at in range(ATTRIBUTES)
    ]  # fmt: skip
    head = KnowledgeResults(item, "category-1", now_ms, "nearline", "bench", ())
    return orjson.dumps({**orjson.loads(orjson.dumps(head)), "rows": found})


TEMPLATE = {
    "category_id": "category-1", "spu_id": None, "value_ids": ["category.attribute.1"], "status": "stated",
    "evidence": [{"value": "value", "source_field": "title", "start": 0, "end": 14, "words": "a value of some"}],
    "confidence": 0.913, "fingerprint": "f" * 32, "is_deleted": False,
    "provenance": {"tier": "nearline", "method": "ranker", "model": "ranker-1", "ontology_version": "v1-0123456789ab",
                   "prompt_version": "p1", "run_id": "bench"},
}  # fmt: skip


def send_at_rate(servers: str, rate: int, seconds: float, items: int) -> int:
    """Send item states for a while, as many a second as make the rate of rows; how many rows."""
    producer = KafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=10)
    a_second, began, number = rate / ATTRIBUTES, time.monotonic(), 0
    while (passed_s := time.monotonic() - began) < seconds:
        while number < passed_s * a_second:
            # Every other one is a new item, the others are known ones once more.
            item = f"sku-{items + number:09}" if number % 2 else f"sku-{number * 7919 % max(1, items):09}"
            producer.send(RESULTS, key=item.encode(), value=message(item, number))
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
    parser.add_argument("--folder", type=Path, help="for the tables, while it runs; default the system's")
    args = parser.parse_args()
    figures = measure_commits(args) if args.what == "commits" else measure_sustained(args)
    print(figures)
    print(write_part(args.what, figures))


if __name__ == "__main__":
    main()
