"""Micro-batches of work: answered, waited for, handed over or refused, but never lost."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace

import pytest

from pipelines.library.answers import Answer, ItemAnswers, Usage
from pipelines.library.rows import Stamp
from pipelines.tunnel.events import Arrival, listing_digest, text_digest
from pipelines.tunnel.stream_state import Work
from pipelines.tunnel.stream_work import NOT_RECOGNISABLE, Deferred, Patience, Worker, event_json, grouped
from schemas.dead_letter import DeadLetter
from schemas.derive import parse_record
from schemas.event import ItemEvent, listing_of
from schemas.inference import ServerUnavailable
from schemas.listing import Listing
from schemas.results import KnowledgeResults, fault_of
from udfs.version import ITEM_ATTR, content_digest, version_of

STAMP = Stamp("nearline", 7, "model-1", "v1", "nearline-7")


class Scripted:
    """A recogniser that is away for the first `away` calls, and breaks on titles with "poison"."""

    model, ontology_version = "model-1", "v1"

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.calls: list[list[str]] = []

    async def recognise(self, listings):
        self.calls.append([one.item_id for one in listings])
        if len(self.calls) <= self.away:
            raise ServerUnavailable("the server is gone")
        if any("poison" in one.title for one in listings):
            raise ValueError("a text that breaks recognition")
        found = [
            ItemAnswers(
                one.item_id,
                one.category_id or "tea",
                1.0,
                (Answer("form", (one.title,), ("",), (), 0.9, "rule"),),
            )
            for one in listings
        ]
        return found, Usage(Counter(requests=1), Counter(rule=len(listings)))

    async def close(self) -> None:
        pass


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.slept.append(seconds)


def worker(recogniser: Scripted, patience: Patience | None = None) -> tuple[Worker, Time]:
    time = Time()
    return Worker(recogniser, STAMP, patience or Patience(), lambda: time.now_s, time.sleep), time


def work(item_id: str, title: str = "", stamp_ms: int = 50, **fields: object) -> Work:
    listing = Listing(
        item_id=item_id, title=title or f"title of {item_id}", category_id="tea", event_time="2026-11-01"
    )
    listing = replace(listing, **fields)
    origin = ("item-events", 1, 3)
    return Work(Arrival(listing, 40, listing_digest(listing), text_digest(listing), 45, origin), stamp_ms)


def run(one: Worker, *batch: Work):
    return asyncio.run(one.compute(batch))


def test_a_batch_becomes_results_in_order_with_the_works_stamp():
    recogniser = Scripted()
    found = run(worker(recogniser)[0], work("a"), work("b", stamp_ms=60))
    assert recogniser.calls == [["a", "b"]]
    assert [(one.item_id, one.event_ms, one.tier, one.run_id) for one in found] == [
        ("a", 50, "nearline", "nearline-7"),
        ("b", 60, "nearline", "nearline-7"),
    ]
    (row,) = found[1].rows
    assert (row.value_texts, row.version) == (("title of b",), version_of(60, 7, "nearline"))
    assert row.digest == content_digest(row)
    assert [fault_of(one) for one in found] == [None, None]


def test_an_end_needs_no_model_and_an_equal_text_is_remembered():
    recogniser = Scripted()
    one, _ = worker(recogniser)
    gone, first = run(one, work("a", is_deleted=True), work("b", "same"))
    (row,) = gone.rows
    assert (row.attr_id, row.is_deleted, row.provenance.tier) == (ITEM_ATTR, True, "nearline")
    (twin,) = run(one, work("c", "same", stamp_ms=70))
    assert recogniser.calls == [["b"]]
    assert (twin.item_id, twin.rows[0].item_id, twin.event_ms) == ("c", "c", 70)
    assert twin.rows[0].value_texts == first.rows[0].value_texts
    assert (one.counts["deleted"], one.counts["recognised"], one.counts["remembered"]) == (1, 1, 1)


def test_an_outage_is_waited_for_however_long_it_is():
    recogniser = Scripted(away=40)
    one, time = worker(recogniser, Patience(first_s=1.0, longest_s=8.0))
    (found,) = run(one, work("a"))
    assert isinstance(found, KnowledgeResults)
    assert time.slept[:5] == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert one.counts["dead_letters"] == 0


def test_a_tier_in_a_hurry_hands_over():
    recogniser = Scripted(away=10_000)
    one, time = worker(recogniser, Patience(first_s=1.0, longest_s=8.0, give_up_s=20.0))
    batch = [work("a"), work("b")]
    assert run(one, *batch) == [Deferred(batch[0]), Deferred(batch[1])]
    assert 20.0 < time.now_s < 40.0
    event = parse_record(ItemEvent, json.loads(event_json(batch[0])))
    assert listing_of(event) == batch[0].arrival.listing


def test_a_long_event_that_is_handed_over_grows_by_nothing():
    given = {"item_id": "a", "title": "t" * 900, "event_time": "2026-11-01"}
    handed = event_json(work("a", given["title"], category_id=None))
    assert json.loads(handed) == given


def test_a_server_that_the_probe_does_not_need_is_waited_for_too():
    """The discriminator is away: it is asked about some listings only, and the probe is none of them."""

    class Open(Scripted):
        async def recognise(self, listings):
            if self.away and all(one.item_id != "probe" for one in listings):
                self.away -= 1
                raise ServerUnavailable("the discriminator is gone")
            return await super().recognise(listings)

    recogniser = Open(away=9)

    async def ping():
        if recogniser.away:
            raise ServerUnavailable("the discriminator is gone")

    one, _ = worker(recogniser)
    one.ping = ping
    (found,) = run(one, work("a"))
    assert isinstance(found, KnowledgeResults)
    assert one.counts["dead_letters"] == 0


def test_one_item_that_breaks_recognition_takes_nobody_along():
    recogniser = Scripted()
    one, _ = worker(recogniser)
    found = run(one, work("a"), work("b", "poison"), work("c"))
    assert [type(outcome) for outcome in found] == [KnowledgeResults, DeadLetter, KnowledgeResults]
    letter = found[1]
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.topic, letter.partition, letter.offset) == (
        NOT_RECOGNISABLE,
        "item-events",
        1,
        3,
    )
    assert "breaks recognition" in letter.detail


def test_micro_batches_keep_categories_apart_and_families_together():
    works = [
        work("1", spu_id="s"), work("2", category_id="coffee"), work("3", spu_id="t"), work("4", spu_id="s"),
        work("5", category_id=None), work("6", spu_id="s"),
    ]  # fmt: skip
    assert grouped(works, 3) == [[4], [1], [0, 3, 5], [2]]
    assert grouped(works, 1) == [[4], [1], [0], [3], [5], [2]]
    assert grouped([], 3) == []
    with pytest.raises(ValueError):
        grouped(works, 0)
