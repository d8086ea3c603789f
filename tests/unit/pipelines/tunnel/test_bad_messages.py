"""Every bad message of the benchmark, checked as both readers check it: its reason, and a letter that is itself small."""

from __future__ import annotations

import time
from random import Random

import orjson
import pytest

from pipelines.tunnel import events, merge_intake
from pipelines.tunnel.events import Arrival, check_event
from pipelines.tunnel.merge_intake import IntakeLimits
from pipelines.tunnel.merge_stream import sort_out
from schemas.dead_letter import MAX_RAW_BYTES, DeadLetter
from schemas.topics import topic_plan
from tests.benchmarks import tunnel_bad_messages as messages
from tests.benchmarks.tunnel_bad_messages import Sent

NOW_MS = int(time.time() * 1000)
TEXTS = [
    {"title": f"Loose leaf tea {number}", "category_id": "tea", "description": "wrong once", "attributes": {}}
    for number in range(3)
]
CATEGORIES = frozenset({"tea"})


@pytest.fixture(autouse=True)
def shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "LARGE_BYTES", 4 << 20)


def letter_of_event(sent: Sent) -> DeadLetter | Arrival:
    raw = events.RawMessage(sent.topic, 0, 0, NOW_MS, sent.key, sent.value)
    return check_event(raw, CATEGORIES)


def small(letter: DeadLetter) -> bool:
    bytes_ = len(orjson.dumps(letter))
    return bytes_ < 2 * MAX_RAW_BYTES < topic_plan(f"{letter.topic}.dead").max_message_bytes


def test_good_events_are_taken() -> None:
    sent, said = messages.good_events(TEXTS, 10, NOW_MS)
    found = [letter_of_event(one) for one in sent]
    assert all(isinstance(one, Arrival) for one in found)
    assert {one.listing.item_id: one.event_ms for one in found} == {  # type: ignore[union-attr]
        item: event_ms for item, (_, event_ms) in said.items()
    }


def test_each_bad_event_has_its_reason_and_a_small_letter() -> None:
    sent = messages.bad_events(TEXTS, 10, NOW_MS, Random(3))
    found = [letter_of_event(one) for one in sent]
    assert [one for one, letter in zip(sent, found, strict=True) if isinstance(letter, Arrival)] == []
    wrong = {
        (one.kind, letter.reason)
        for one, letter in zip(sent, found, strict=True)
        if letter.reason not in one.reasons or not small(letter)  # type: ignore[union-attr]
    }
    assert wrong == set()
    assert {one.kind for one in sent} == set(messages.EVENTS)


def test_each_bad_result_has_its_reason_and_a_small_letter() -> None:
    sent = messages.bad_results(10, NOW_MS, Random(3))
    raw = [
        merge_intake.RawMessage(one.topic, 0, at, NOW_MS, one.key, one.value, len(one.value or b""))
        for at, one in enumerate(sent)
    ]
    found = sort_out(raw, NOW_MS, IntakeLimits())
    assert (found.rows, found.pointers) == ([], [])
    letters = {letter.offset: letter for letter in found.refused}
    wrong = {
        (one.kind, letters[at].reason)
        for at, one in enumerate(sent)
        if letters[at].reason not in one.reasons or not small(letters[at])
    }
    assert wrong == set()
    assert sum(messages.EVENTS.values()) + len(sent) == 1_000
