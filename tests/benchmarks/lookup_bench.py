"""The lookup service under load while its store is written to: items a second and latency, over real HTTP.

Run: `python -m tests.benchmarks.lookup_bench [--items N] [--seconds S] [--rate ITEMS_PER_S] [--writes ROWS_PER_S]`.
Three processes: the service as `aiic serve lookup --no-follow` runs it, one that applies rows to its store at a stated
rate (as the consumer does), and the callers, with batches of 50 ids. First as many as go, for a short time; then at the
rate, started on time whatever came before (open loop), so that a slow answer does not hide those that wait behind it.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from infra.http_keys import add_key
from infra.kv_embedded import EmbeddedStore
from infra.local.lookup import alive
from pipelines.tunnel.store import ItemRows
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.knowledge import NOT_STATED, STATED, Evidence, KnowledgeRow, Provenance
from tests.benchmarks.parts import ROOT, write_part
from tests.ports import free_ports
from udfs.version import version_of, with_digest

ATTRIBUTES, BATCH, CONNECTIONS = 12, 50, 16
WRITE_ITEMS = 20
BASE_MS = 1_790_000_000_000


@dataclass(frozen=True)
class Load:
    """What is asked for. Units: rates a second."""

    items: int
    seconds: float
    rate: float
    writes: float


def item_rows(number: int, step: int) -> ItemRows:
    """Rows of one item, as recognition writes them: a quarter not stated."""
    item, event_ms = f"sku-{number:09}", BASE_MS + step
    rows = []
    for attr in range(ATTRIBUTES):
        text = f"value {number % 97} of attribute {attr}, step {step}"
        stated = attr % 4 > 0
        made = KnowledgeRow(
            item_id=item,
            attr_id=f"attribute_{attr}",
            category_id=f"category-{number % 200}",
            spu_id=f"spu-{number // 5}",
            value_ids=(f"category.attribute.{attr}",) if stated else (),
            value_texts=(text,) if stated else (),
            status=STATED if stated else NOT_STATED,
            evidence=(Evidence(text, "title", 0, len(text), text),) if stated else (),
            confidence=0.9,
            provenance=Provenance(
                "nearline", "ranker", "ranker-1+smollm2", "v1-0123456789ab", "p1", f"run-{step}"
            ),
            fingerprint="0" * 32,
            event_ms=event_ms,
            version=version_of(event_ms, 1, "nearline"),
            digest="",
        )
        rows.append(with_digest(made))
    return ItemRows(item, tuple(rows), event_ms)


def fill(folder: Path, items: int) -> None:
    """Put all items into a new store."""
    kv = EmbeddedStore(folder)
    store = KnowledgeStore(kv)
    term = store.begin_term()
    for start in range(0, items, 1_000):
        store.apply([item_rows(number, 0) for number in range(start, min(items, start + 1_000))], term)
    kv.close()


def write(folder: Path, load: Load, going: Any, written: Any) -> None:
    """Apply rows of random items at the rate until told to end."""
    store, rng = KnowledgeStore(EmbeddedStore(folder)), random.Random(3)
    term, step = store.begin_term(), 0
    began_s = time.monotonic()
    while going.is_set():
        step += 1
        given = [item_rows(rng.randrange(load.items), step) for _ in range(WRITE_ITEMS)]
        store.apply(given, term, {("item-knowledge.results", 0): step})
        written.value += WRITE_ITEMS * ATTRIBUTES
        time.sleep(max(0.0, began_s + written.value / load.writes - time.monotonic()))
    store.kv.close()


class Caller:
    """One connection that asks for batches."""

    def __init__(self, port: int, key: str, load: Load, seed: int) -> None:
        self._port, self._key, self._load, self._rng = port, key, load, random.Random(seed)

    async def open(self) -> None:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)

    async def ask(self) -> float:
        """One batch; returns how long it took in seconds, a new connection included where the service had closed the idle one.

        Errors: RuntimeError for another answer than 200.
        """
        try:
            return await self._ask()
        except (asyncio.IncompleteReadError, ConnectionError):
            began_s = time.perf_counter()
            await self.open()
            opened_s = time.perf_counter() - began_s
            return opened_s + await self._ask()

    async def _ask(self) -> float:
        ids = [f"sku-{self._rng.randrange(self._load.items):09}" for _ in range(BATCH)]
        body = orjson.dumps({"ids": ids})
        head = (
            f"POST /v1/items:batch HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        began_s = time.perf_counter()
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(answer.split("content-length:")[1].split("\r\n")[0])
        found = await self._reader.readexactly(length)
        took_s = time.perf_counter() - began_s
        if " 200 " not in answer.split("\r\n")[0] or b'"missing":[]' not in found[-20:]:
            raise RuntimeError(f"unexpected answer: {answer[:200]}")
        return took_s


async def closed_loop(callers: list[Caller], seconds: float) -> float:
    """Batches as fast as they are answered; returns items a second."""
    began_s, count = time.perf_counter(), 0

    async def go(caller: Caller) -> None:
        nonlocal count
        while time.perf_counter() < began_s + seconds:
            await caller.ask()
            count += BATCH

    await asyncio.gather(*map(go, callers))
    return count / (time.perf_counter() - began_s)


async def open_loop(callers: list[Caller], load: Load) -> list[float]:
    """Batches at their times; latency counts from when a batch was due, waiting for a free connection included."""
    free: asyncio.Queue[Caller] = asyncio.Queue()
    for caller in callers:
        free.put_nowait(caller)
    count, gap_s = int(load.seconds * load.rate / BATCH), BATCH / load.rate
    began_s, taken = time.perf_counter(), []

    async def one(due_s: float) -> None:
        caller = await free.get()
        await caller.ask()
        taken.append(time.perf_counter() - due_s)
        free.put_nowait(caller)

    waiting = []
    for number in range(count):
        due_s = began_s + number * gap_s
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        waiting.append(asyncio.create_task(one(due_s)))
    await asyncio.gather(*waiting)
    return taken


async def callers_of(port: int, key: str, load: Load) -> list[Caller]:
    """Connected callers."""
    made = [Caller(port, key, load, seed) for seed in range(CONNECTIONS)]
    for caller in made:
        await caller.open()
    return made


async def measure(port: int, key: str, load: Load) -> dict[str, float]:
    """Both loads. Units: items a second, milliseconds."""
    callers = await callers_of(port, key, load)
    await closed_loop(callers, 2.0)
    most = await closed_loop(callers, load.seconds / 2)
    taken = sorted(await open_loop(callers, load))
    return {
        "lookup_items_per_s": round(most, 1),
        "lookup_p50_ms": round(1000 * taken[len(taken) // 2], 2),
        "lookup_p99_ms": round(1000 * taken[int(len(taken) * 0.99)], 2),
        "lookup_max_ms": round(1000 * taken[-1], 2),
        "lookup_rate_items_per_s": load.rate,
        "lookup_batches": len(taken),
    }


def run(folder: Path, load: Load) -> dict[str, float]:
    """Fill a store, serve it, write to it, and ask."""
    fill(folder / "state/lookup/store", load.items)
    key = add_key(folder / "state/lookup/keys.toml", "bench")
    with (folder / "state/lookup/keys.toml").open("a", encoding="utf-8") as keys:
        keys.write("items_per_s = 1e9\nburst = 1000000000\n")
    [port] = free_ports(1)
    env = {**os.environ, "AIIC_STACK_STATE_DIR": str(folder / "state"), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "jobs.cli", "serve", "--no-follow", "--port", str(port)]
    service = subprocess.Popen(words, env=env, cwd=ROOT)
    context = multiprocessing.get_context("spawn")
    going, written = context.Event(), context.Value("q", 0)
    going.set()
    writer = context.Process(target=write, args=(folder / "state/lookup/store", load, going, written))
    try:
        while not alive(f"http://127.0.0.1:{port}", 1.0):
            if service.poll() is not None:
                raise RuntimeError("the service did not start")
            time.sleep(0.2)
        writer.start()
        began_s = time.monotonic()
        figures = asyncio.run(measure(port, key, load))
        figures["lookup_rows_written_per_s"] = round(written.value / (time.monotonic() - began_s), 1)
        return figures
    finally:
        going.clear()
        if writer.pid is not None:
            writer.join(20)
        service.terminate()
        service.wait(20)


def main() -> None:
    """Measure and write the part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=5_000.0)
    parser.add_argument("--writes", type=float, default=1_000.0)
    load = Load(**vars(parser.parse_args()))
    folder = Path(tempfile.mkdtemp(prefix="lookup-bench-"))
    try:
        figures = run(folder, load)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, value in figures.items():
        print(f"{name:32} {value:,}")
    print(f"written to {write_part('lookup', figures)}")


if __name__ == "__main__":
    main()
