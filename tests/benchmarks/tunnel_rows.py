"""Two parts of the benchmark of the tunnel that need rows, not recognition: results to Hudi, and the lookup service.

Both send item states straight to `item-knowledge.results`, as the tiers do, 1,000 rows a second, half of them of items that
are present; the running merge commits them with its own settings while the lookup service follows the same topic.
`hudi`: from a message's arrival in Kafka to its rows' commit and publication, compactions included.
`lookup`: batches of 50 ids over HTTP, first as many as go, then 5,000 items a second on time whatever came before.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaProducer

from schemas.topics import RESULTS
from tests.benchmarks import lookup_bench
from tests.benchmarks.commit_bench import message, send_at_rate
from tests.benchmarks.merge_bench import ATTRIBUTES
from tests.benchmarks.tunnel_latency import Figures
from tests.benchmarks.tunnel_stack import Say, TunnelStack, wait_until
from tests.benchmarks.tunnel_watch import Lookup

PRESENT_ITEMS = 2_500
ROWS_EACH_S = 1_000
FIRST_TIER, MEASURED_TIER = "offline", "expert"
"""The merge tells freshness by tier: what is measured must not be counted with what only fills the table."""
LOOKUP_RATE = 5_000.0
WARM_UP_S = 6.0


def run_hudi(stack: TunnelStack, seconds: float, say: Say) -> Figures:
    """Freshness of the table at a sustained rate. Figures: seconds from Kafka to commit."""
    present = ensure_items(stack, say)
    before = stack.merge_told()
    sent = send_at_rate(stack.kafka, ROWS_EACH_S, seconds, PRESENT_ITEMS, MEASURED_TIER)
    told = wait_until(lambda: _merged(stack, read_rows(before) + sent), "all rows merged", seconds + 180.0)
    freshness = told["freshness_s"][MEASURED_TIER]
    return {
        "hudi_p99_s": round(freshness["p99"], 2),
        "hudi_p50_s": round(freshness["p50"], 2),
        "hudi_max_s": round(freshness["max"], 2),
        "hudi_rows_per_s": round(sent / seconds, 1),
        "hudi_seconds": seconds,
        "hudi_commits": told["commits"] - before.get("commits", 0),
        "hudi_compactions": told.get("compactions", 0) - before.get("compactions", 0),
        "hudi_rows_present": present,
    }


def run_lookup(stack: TunnelStack, seconds: float, say: Say) -> Figures:
    """Lookups while rows are merged. Figures: items a second, milliseconds."""
    ensure_items(stack, say)
    load = lookup_bench.Load(PRESENT_ITEMS, seconds, LOOKUP_RATE, float(ROWS_EACH_S))
    before = stack.merge_told()
    with sending(stack, WARM_UP_S + 2 * seconds + 30.0):
        wait_until(lambda: stack.merge_told().get("commits", 0) > before.get("commits", 0), "a commit", 120.0)
        figures = asyncio.run(lookup_bench.measure(stack.lookup_port, stack.key, load))
    told = stack.merge_told()
    return figures | {
        "lookup_seconds": seconds,
        "lookup_items_present": PRESENT_ITEMS,
        "lookup_commits_meanwhile": told["commits"] - before.get("commits", 0),
        "lookup_rows_merged_meanwhile": read_rows(told) - read_rows(before),
    }


def ensure_items(stack: TunnelStack, say: Say) -> int:
    """Make sure that items to change and to look up are there; returns how many rows they have."""
    lookup, ids = Lookup(stack.lookup_port, stack.key), [f"sku-{at:09}" for at in range(PRESENT_ITEMS)]
    try:
        if len(lookup.newest_ms(ids)) == PRESENT_ITEMS:
            return PRESENT_ITEMS * ATTRIBUTES
        before = read_rows(stack.merge_told())
        producer = KafkaProducer(bootstrap_servers=stack.kafka, acks="all", linger_ms=20)
        for number, item in enumerate(ids):
            producer.send(RESULTS, key=item.encode(), value=message(item, number, FIRST_TIER))
        producer.flush()
        producer.close()
        wait_until(lambda: len(lookup.newest_ms(ids)) == PRESENT_ITEMS, "all items in the lookup service")
        wait_until(lambda: _merged(stack, before + PRESENT_ITEMS * ATTRIBUTES), "first rows merged")
    finally:
        lookup.close()
    say(f"{PRESENT_ITEMS * ATTRIBUTES:,} rows present")
    return PRESENT_ITEMS * ATTRIBUTES


@contextmanager
def sending(stack: TunnelStack, seconds: float) -> Iterator[None]:
    """Rows at the rate, from a process of their own so that they do not hold up who measures, while the block runs."""
    context = multiprocessing.get_context("spawn")
    given = (stack.kafka, ROWS_EACH_S, seconds, PRESENT_ITEMS, FIRST_TIER)
    sender = context.Process(target=_send_apart, args=given)
    sender.start()
    try:
        yield
        if sender.exitcode:
            raise RuntimeError(f"the sender of rows ended with code {sender.exitcode}")
    finally:
        sender.terminate()
        sender.join()


def _send_apart(servers: str, rows_each_s: int, seconds: float, items: int, tier: str) -> None:
    # Linux shares out the cores by session: in this one's, it would take its time from who measures.
    os.setsid()
    send_at_rate(servers, rows_each_s, seconds, items, tier)


def read_rows(told: dict[str, object]) -> int:
    """Rows that the merge has read."""
    return int(str(told.get("rows_read", 0)))


def _merged(stack: TunnelStack, rows: int) -> dict[str, object] | None:
    told = stack.merge_told()
    return told if read_rows(told) >= rows and not told.get("unpublished") else None
