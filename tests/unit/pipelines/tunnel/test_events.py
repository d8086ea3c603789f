"""Messages of item-events: sound ones become arrivals, all others dead letters with a reason."""

from __future__ import annotations

import base64
import json
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tunnel.events import (
    DELETED,
    MAX_EVENT_BYTES,
    Arrival,
    RawMessage,
    check_event,
    listing_digest,
    text_digest,
)
from schemas.contract import contract_of
from schemas.dead_letter import MAX_RAW_BYTES, DeadLetter
from schemas.derive import parse_record, to_mapping
from schemas.event import ItemEvent, listing_of
from schemas.listing import Listing

EVENT = dict(contract_of(ItemEvent).valid.value)
TIME_MS = 1_793_520_000_000  # 2026-11-01T08:00:00Z, the example's time
CATEGORIES = frozenset({"tea"})


def message(value: object = EVENT, key: str | None = "sku-1", time_ms: int = TIME_MS) -> RawMessage:
    body = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return RawMessage("item-events", 2, 7, time_ms, None if key is None else key.encode(), body)


def refused(raw: RawMessage) -> DeadLetter:
    found = check_event(raw, CATEGORIES)
    assert isinstance(found, DeadLetter), found
    assert parse_record(DeadLetter, to_mapping(found)) == found
    assert (found.topic, found.partition, found.offset, found.time_ms) == ("item-events", 2, 7, raw.time_ms)
    return found


def test_a_sound_event_is_an_arrival():
    found = check_event(message(), CATEGORIES)
    listing = listing_of(parse_record(ItemEvent, EVENT))
    assert found == Arrival(
        listing, TIME_MS, listing_digest(listing), text_digest(listing), TIME_MS, ("item-events", 2, 7)
    )
    assert {name: EVENT[name] for name in EVENT if name != "source"} == to_mapping(listing)


@pytest.mark.parametrize(
    ("raw", "reason", "words"),
    [
        (message(None), "no_value", "is_deleted"),
        (message(b"{"), "not_json", "character"),
        (message(b"[" * 100_000), "not_json", "deeply"),
        (message(b'{"item_id": "\xff"}'), "bad_utf8", "byte"),
        (message([EVENT]), "wrong_type", "list"),
        (message(EVENT | {"event_time": None}), "wrong_type", "event_time"),
        (message({k: v for k, v in EVENT.items() if k != "event_time"}), "missing_field", "event_time"),
        (message(EVENT | {"event_time": "soon"}), "bad_time", "event_time"),
        (message(EVENT | {"title": "  "}), "missing_field", "title"),
        (message(EVENT | {"description": "x" * 100_001}), "too_long", "description"),
        (message(b" " * (MAX_EVENT_BYTES + 1)), "too_large", "allowed"),
        (message(key="sku-2"), "wrong_key", "sku-2"),
        (message(key=None), "wrong_key", "sku-1"),
        (message(time_ms=TIME_MS - 300_001), "time_in_future", "300 s"),
        (message(EVENT | {"category_id": "shoes"}), "unknown_category", "shoes"),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
def test_a_bad_event_is_a_dead_letter_with_a_reason(raw, reason, words):
    found = refused(raw)
    assert found.reason == reason
    assert words in found.detail
    assert found.raw_bytes == len(raw.value or b"")
    assert base64.b64decode(found.raw) == (raw.value or b"")[:MAX_RAW_BYTES]


@pytest.mark.parametrize(
    ("part", "reason"),
    [(b"[],", "missing_field"), (b"{},", "missing_field"), (b"[", "not_json")],
    ids=["lists", "objects", "nested"],
)
def test_the_longest_message_takes_bounded_memory_whatever_it_holds(part, reason):
    """JSON grows when it is read: each `[]` of two bytes becomes 64. The limit of a message's length bounds that, too."""
    body = part * ((MAX_EVENT_BYTES - 100) // len(part))
    raw = message(b'{"item_id": "sku-1", "attributes": [' + body.removesuffix(b",") + b"]}")
    tracemalloc.start()
    try:
        found = refused(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.reason, found.raw_bytes) == (reason, len(raw.value))
    assert peak < 64 << 20


def test_what_is_longer_is_not_even_looked_at(monkeypatch):
    monkeypatch.setattr("pipelines.tunnel.events.json_object", lambda _: pytest.fail("it was parsed"))
    assert refused(message(b"[" * (MAX_EVENT_BYTES + 1))).reason == "too_large"


def test_five_minutes_ahead_are_allowed_and_categories_may_be_absent_or_gone():
    assert isinstance(check_event(message(time_ms=TIME_MS - 300_000), CATEGORIES), Arrival)
    assert isinstance(check_event(message(EVENT | {"category_id": None}), CATEGORIES), Arrival)
    assert isinstance(check_event(message(EVENT | {"category_id": "shoes"}), None), Arrival)
    gone = {"item_id": "sku-1", "event_time": "2026-11-01", "is_deleted": True, "category_id": "shoes"}
    found = check_event(message(gone), CATEGORIES)
    assert isinstance(found, Arrival)
    assert found.text == DELETED


@given(st.binary(max_size=300), st.none() | st.binary(max_size=30))
def test_no_bytes_at_all_stop_a_job(value, key):
    found = check_event(RawMessage("item-events", 0, 0, TIME_MS, key, value), CATEGORIES)
    assert isinstance(found, DeadLetter)
    assert parse_record(DeadLetter, json.loads(json.dumps(to_mapping(found)))) == found


@pytest.mark.parametrize(
    ("change", "is_seen"),
    [
        ({"price": 9.0}, False),
        ({"priority": None}, False),
        ({"event_time": "2026-11-02"}, False),
        ({"title": "other"}, True),
        ({"description": "other"}, True),
        ({"attributes": {"Net Wt": "9 oz"}}, True),
        ({"brand": None}, True),
        ({"category_id": "coffee"}, True),
        ({"spu_id": None}, True),
        ({"image_urls": ()}, True),
        ({"locale": "de"}, True),
    ],
)
def test_what_recognition_sees_of_a_change(change, is_seen):
    listing = parse_record(Listing, {name: EVENT[name] for name in EVENT if name != "source"})
    changed = replace(listing, **change)
    assert (text_digest(changed) != text_digest(listing)) is is_seen
    assert listing_digest(changed) != listing_digest(listing)
