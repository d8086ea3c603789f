"""The steps of `make bench-million`, each run by `tests.benchmarks.million` in a process of its own.

The job's own plan, shards, results and merge; what stands for recognition answers from labels, at a stated speed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from infra.demo.families import ONTOLOGY, FamilyConfig, families
from infra.faiss import FaissSearch
from infra.hudi_reading import is_table
from infra.vllm import EncoderClient
from jobs.batch.daily_item_knowledge import STEPS
from jobs.batch.daily_item_knowledge_context import Context
from pipelines.library.answers import Answer, ItemAnswers, Usage
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.store import OntologyStore, Source
from pipelines.reduction.neighbours import NeighbourIndex
from pipelines.tunnel.daily_item_knowledge import DailyConfig
from pipelines.tunnel.merge import knowledge_table
from pipelines.tunnel.offline import ShardConfig, recognise_shard
from pipelines.tunnel.plan_folder import read_items
from schemas.listing import Listing
from schemas.shard import ShardEntry
from tests.benchmarks.throughput_servers import stub_servers, wait_for
from tests.benchmarks.throughput_stub import Speed
from tests.ports import free_ports

DAY, NAME = "2026-06-01", "million"
FAMILY_SIZE = 8
MADE_FAMILIES = 1_000
"""Families that are really made; the others are the same under other ids."""
DIMENSIONS = 384
ASKED_ONE_IN = 100
"""Of the items that enter the index of neighbours, how many look for theirs: looking compares with the whole category."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many items, in which warehouse. `pairs_a_second`: the stated speed of what stands for the model. `heap`: Spark's."""

    items: int
    warehouse: Path
    pairs_a_second: float = 200_000.0
    heap: str = "2g"

    @property
    def labels(self) -> Path:
        """Gold of the families that were made: by item id, key id, values."""
        return self.warehouse / "labels.json"

    @property
    def context(self) -> Context:
        """The daily job over the made listings."""
        return Context(DailyConfig(DAY, self.warehouse), NAME, "off", driver_memory=self.heap)


def make(size: Size) -> dict[str, float]:
    """Listings of the day, and a release of the demo ontology."""
    incoming = size.warehouse / "incoming" / DAY / "listings.jsonl"
    incoming.parent.mkdir(parents=True, exist_ok=True)
    labels: dict[str, dict[str, list[str]]] = {}
    number = 0
    with incoming.open("w", encoding="utf-8") as file:
        for row in _rows(size.items, labels):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            number += 1
    size.labels.write_text(json.dumps(labels, ensure_ascii=False), "utf-8")
    with _model_servers(size) as url:
        asyncio.run(_release(size.warehouse, url))
    return {"rows": number}


def _rows(items: int, labels: dict[str, dict[str, list[str]]]) -> Iterator[Mapping[str, Any]]:
    """Listings, family by family: those that are made, then the same again under other ids."""
    made = []
    config = FamilyConfig(min(MADE_FAMILIES, -(-items // FAMILY_SIZE)), FAMILY_SIZE, NAME)
    for draft in (draft for family in families(config) for draft in family):
        made.append(draft.row)
        labels[str(draft.row["item_id"])] = {key: list(values) for key, values in draft.gold().items()}
    for number in range(items):
        row, copy = made[number % len(made)], number // len(made)
        yield {**row, "item_id": f"{row['item_id']}.{copy}", "spu_id": f"{row['spu_id']}.{copy}"}


async def _release(warehouse: Path, url: str) -> None:
    await wait_for(f"{url}/models")
    store = OntologyStore(warehouse, NAME)
    store.commit(load_interchange(ONTOLOGY), Source("bench"), 0)
    async with EncoderClient(url) as encoder:
        encoder_id = await encoder.model_id()
        made = release_folder(store, store.find(None).version, encoder_id)
        await make_release(store, None, encoder.embed, encoder_id, made, backend=FaissSearch())


class _model_servers:
    """A stub of both servers whose addresses the job finds in the environment; nothing is asked but which models they are."""

    def __init__(self, size: Size) -> None:
        self._folder = size.warehouse / "stub"

    def __enter__(self) -> str:
        self._stub = stub_servers(free_ports(1)[0], Speed(encode=1e9), {}, 0.0, None, self._folder)
        url = self._stub.__enter__().encoder_url
        for name in ("ENCODER", "DISCRIMINATOR"):
            os.environ |= {f"AIIC_{name}_URL": url, f"AIIC_{name}_MODEL": "any"}
        return url

    def __exit__(self, *error: Any) -> None:
        self._stub.__exit__(*error)


def plan(size: Size) -> dict[str, float]:
    """The job's own step: intake, the items table (Spark, Hudi), shards."""
    context = size.context
    try:
        with _model_servers(size) as url:
            asyncio.run(wait_for(f"{url}/models"))
            STEPS["plan"](context)
            _, made, entries = context.current()
    finally:
        context.close()
    return {"rows": made.listings, "shards": len(entries)}


def index(size: Size) -> dict[str, float]:
    """Neighbours within each category, one category at a time: every item enters, one in a hundred looks for its neighbour."""
    folder, _, entries = size.context.current()
    number = found = 0
    for _, shards in groupby(sorted(entries, key=_category), key=_category):
        neighbours = NeighbourIndex()
        for entry in shards:
            for item in read_items(folder.shard(entry)):
                vector = made_up_vector(item.listing)
                if number % ASKED_ONE_IN == 0:
                    found += neighbours.nearest(entry.category_id, vector) is not None
                neighbours.add(entry.category_id, item.listing.item_id, vector)
                number += 1
    return {"rows": number, "looked_up": found}


def _category(entry: ShardEntry) -> str:
    return entry.category_id


def made_up_vector(listing: Listing) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A unit vector that follows from a listing's title: encoding is the model's work, which this bench leaves out."""
    seed = int.from_bytes(hashlib.blake2b(listing.title.encode(), digest_size=8).digest(), "big")
    row = np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)
    return np.asarray(row / np.linalg.norm(row), np.float32)


@dataclass(slots=True)
class Labelled:
    """A `Recogniser` that answers from labels, at a stated speed, from words that stand nowhere: a STUB, marked as such."""

    model: str
    ontology_version: str
    labels: Mapping[str, Mapping[str, Sequence[str]]]
    pairs_a_second: float
    busy_s: float = 0.0

    async def recognise(self, listings: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
        """Answers of N listings, same order, after the time that they would take."""
        found, usage = [], Usage()
        for listing in listings:
            labels = self.labels[listing.item_id.rpartition(".")[0]]
            answers = tuple(
                Answer(key_id, tuple(values), ("",) * len(values), (), 0.9, "ranker")
                for key_id, values in labels.items()
            )
            usage.pairs["stub"] += len(answers)
            found.append(ItemAnswers(listing.item_id, str(listing.category_id), 1.0, answers))
        seconds = usage.pairs["stub"] / self.pairs_a_second
        self.busy_s += seconds
        await asyncio.sleep(seconds)
        return found, usage

    async def close(self) -> None:
        """Nothing is open."""


def recognise(size: Size) -> dict[str, float]:
    """Every shard read, answered by the stub, and its result put in place, as a worker does it."""
    folder, made, entries = size.context.current()
    labels = json.loads(size.labels.read_text("utf-8"))
    stub = Labelled(made.model, made.ontology_version, labels, size.pairs_a_second)

    async def work() -> int:
        done = 0
        for entry in entries:
            done += await recognise_shard(folder, entry, made, stub, ShardConfig())
        return done

    done = asyncio.run(work())
    return {"rows": made.listings, "shards": done, "stub_s": round(stub.busy_s, 1)}


def merge(size: Size) -> dict[str, float]:
    """The job's own step: all results into item_knowledge (Spark, Hudi)."""
    context = size.context
    table = knowledge_table(size.warehouse)
    if is_table(table):
        print(f"{table} is there already: only what it lacks is merged", file=sys.stderr)
    try:
        STEPS["merge"](context)
        summary = json.loads(context.current().folder.step("merge").read_text("utf-8"))
    finally:
        context.close()
    return {"rows": summary["counts"]["rows_merged"]}


ALL: Mapping[str, Callable[[Size], dict[str, float]]] = {
    "make": make,
    "plan": plan,
    "index": index,
    "recognise": recognise,
    "merge": merge,
}


def main() -> None:
    """Run one step; the last line of output is what it did, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=list(ALL))
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--warehouse", type=Path, required=True)
    parser.add_argument("--heap", default=Size(0, Path()).heap)
    args = parser.parse_args()
    started_s = time.perf_counter()
    did = ALL[args.step](Size(args.items, args.warehouse.absolute(), heap=args.heap))
    print(json.dumps({**did, "seconds": round(time.perf_counter() - started_s, 2)}), flush=True)


if __name__ == "__main__":
    main()
