"""The daily run that leaves out what need not be computed: what did not change since the last day costs nothing (B2, L3-L6).

The job's own steps on Spark and Hudi, over HTTP to a server that counts what it is asked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pyspark.sql import SparkSession

from infra.demo.families import ONTOLOGY, FamilyConfig, families
from infra.fake_vllm import FakeVllm
from infra.vllm import EncoderClient
from jobs.batch.daily_item_knowledge import STEPS
from jobs.batch.daily_item_knowledge_context import Context
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release
from pipelines.ontology.store import OntologyStore, Source
from pipelines.reduction.config import reduce_of
from pipelines.tunnel.daily_item_knowledge import DailyConfig
from pipelines.tunnel.merge import knowledge_table
from pipelines.tunnel.plan_folder import read_before, read_items
from tests.benchmarks.throughput_stub import answer
from tests.spark.conftest import table_rows

FAMILIES, SIZE = 14, 8
ENCODER = {"encoder": "all-minilm-l6-v2", "dimensions": 384}
"""The released scorer and relevance model refuse vectors that are not of their encoder's name and size."""


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    """A server in a thread of its own; it answers with the candidates that the item's text names."""
    server = FakeVllm(answer, **ENCODER)
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@dataclass(frozen=True)
class Days:
    """A warehouse whose days are run one after the other."""

    warehouse: Path
    fake: FakeVllm
    spark: SparkSession

    def run(self, day: str, rows: list[dict[str, Any]], reduce: str, *steps: str) -> Context:
        """Run steps of a day's job over these listings; what the server is asked is counted from here on."""
        incoming = self.warehouse / "incoming" / day / "listings.jsonl"
        incoming.parent.mkdir(parents=True, exist_ok=True)
        incoming.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        self.fake.requests.clear()
        context = Context(DailyConfig(day, self.warehouse), "demo", "all", reduce=reduce_of(reduce))
        context._spark = self.spark  # the session that all tests share, as it is
        for step in steps:
            STEPS[step](context)
        return context

    @property
    def calls(self) -> int:
        """Requests to the text model."""
        return sum("prompt" in body for body in self.fake.requests)

    @property
    def encoded(self) -> int:
        """Texts that were encoded."""
        return sum(len(body["input"]) for body in self.fake.requests if "input" in body)


def report_of(context: Context) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((context.current().folder.root / "report.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Families, of which one item has no category: it is to be predicted."""
    made = [draft.row for family in families(FamilyConfig(FAMILIES, SIZE)) for draft in family]
    return [dict(row) for row in made[:-1]] + [made[-1] | {"category_id": None}]


@pytest.fixture
def days(fake: FakeVllm, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Days:
    store = OntologyStore(tmp_path, "demo")
    store.commit(load_interchange(ONTOLOGY), Source("test"), 0)

    async def release() -> None:
        async with EncoderClient(fake.url) as client:
            folder = store.folder / "releases" / f"{store.find().version}--fake"
            await make_release(store, None, client.embed, await client.model_id(), folder)

    asyncio.run(release())
    for name in ("AIIC_ENCODER", "AIIC_DISCRIMINATOR"):
        monkeypatch.setenv(f"{name}_URL", fake.url)
        monkeypatch.setenv(f"{name}_MODEL", "any")
    return Days(tmp_path, fake, spark)


def test_what_did_not_change_since_the_last_day_costs_nothing(days, spark, rows):
    first = days.run("2026-11-01", rows, "all", *STEPS)
    calls, told = days.calls, report_of(first)
    assert calls == told["tokens"]["requests"] > 40
    assert told["counts"]["items_recognised"] == FAMILIES * SIZE
    assert told["answered"]["sibling"] > 0.2 * told["counts"]["pairs"] and "unchanged" not in told["answered"]
    assert sum(told["answered"].values()) == told["counts"]["pairs"] == told["ledger"][-1]["pairs"]
    assert {span["stage"] for span in told["timeline"]} == {"encode", "search", "discriminate"}
    assert "Flow</h2>" in (first.current().folder.root / "report.html").read_text("utf-8")
    table = table_rows(spark, knowledge_table(days.warehouse))

    # The next day brings the same listings: nothing is asked, and rows say who computed them.
    second = days.run("2026-11-02", rows, "all", *STEPS)
    assert (days.calls, days.encoded) == (0, 0)
    folder, _, entries = second.current()
    known = {key: one for entry in entries for key, one in read_before(folder, entry.shard_id).items()}
    items = {
        item.listing.item_id: item.listing for entry in entries for item in read_items(folder.shard(entry))
    }
    assert {item_id: listing for item_id, (listing, _) in known.items()} == items
    assert {(row.item_id, row.attr_id): row for _, held in known.values() for row in held} == table
    assert report_of(second)["answered"] == {"unchanged": told["counts"]["pairs"]}
    assert report_of(second)["tokens"] == {}
    again = table_rows(spark, knowledge_table(days.warehouse))
    assert {key: (row.value_texts, row.evidence, row.provenance) for key, row in again.items()} == {
        key: (row.value_texts, row.evidence, row.provenance) for key, row in table.items()
    }
    assert {row.provenance.run_id for row in again.values()} == {first.current().plan.run_id}

    # One in a hundred gets a new line: only what that line can bear on is asked again.
    changed = [dict(row) for row in rows]
    changed[3]["description"] = changed[3]["description"] + "\nShips from our own warehouse."
    third = days.run("2026-11-03", changed, "all", "plan", "recognise", "report")
    answered = report_of(third)["answered"]
    assert days.calls <= 0.015 * calls
    # The item, and the sibling that answered most by its own words.
    assert report_of(third)["tokens"]["encoded_texts"] == 2
    assert answered["unchanged"] + answered["moved"] >= told["counts"]["pairs"] - 8


def test_a_run_that_leaves_out_nothing_takes_over_nothing(days, rows):
    few = rows[:SIZE]
    plain = days.run("2026-11-01", few, "off", *STEPS)
    made, asked, told = plain.current(), days.calls, report_of(plain)
    assert set(told["answered"]) <= {"ranker", "discriminator", "rule", "extraction", "none"}
    assert told["timeline"] == [] and not (made.folder.root / "before").exists()
    # Switched on for the same day it has a plan of its own, and finds what its pairs were computed from.
    reduced = days.run("2026-11-01", few, "differential", "plan", "recognise", "report")
    assert reduced.current().plan.plan_id != made.plan.plan_id
    assert asked > 0 and days.calls == 0
    assert report_of(reduced)["answered"] == {"unchanged": told["counts"]["pairs"]}
    # And off again: the results of either are told apart.
    off = days.run("2026-11-01", few, "off", "plan")
    assert off.current().plan == made.plan
