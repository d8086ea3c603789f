"""Good messages and bad ones of every kind, for item-events and for item-knowledge.results.

Every bad message is about an item that a good one is about: were it taken, that item would be wrong in the end.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson

from schemas.knowledge import STATED, KnowledgeRow, Provenance
from schemas.results import KnowledgeResults
from schemas.topics import ITEM_EVENTS, RESULTS
from udfs.version import version_of, with_digest

NOT_JSON, SCHEMA, LARGE, KEY, FUTURE, CATEGORY = (
    "not JSON", "wrong schema", "10 MB", "wrong key", "far future", "unknown category",
)  # fmt: skip
LARGE_BYTES = 10_000_000
EVENTS: Mapping[str, int] = {NOT_JSON: 155, SCHEMA: 155, LARGE: 30, KEY: 150, FUTURE: 155, CATEGORY: 155}
RESULTS_SHARE: Mapping[str, int] = {NOT_JSON: 50, SCHEMA: 50, LARGE: 10, KEY: 40, FUTURE: 50}
"""How many of each kind; the results topic knows no ontology, so that no category is unknown there."""
DAY_MS = 86_400_000
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A message to send. `kind`: what is bad about it, "" for a good one; `reasons`: what its dead letter may say."""

    topic: str
    key: bytes | None
    value: bytes | None
    kind: str = ""
    reasons: frozenset[str] = frozenset()
    zipped: bool = False


def good_events(
    texts: Sequence[Fields], items: int, now_ms: int
) -> tuple[list[Sent], dict[str, tuple[int, int]]]:
    """One event an item, and by item which text it has (its place) and its time (Unix ms); equal texts come again."""
    sent, said = [], {}
    for number in range(items):
        item_id, place = f"good-{number}", number % len(texts)
        event_ms = now_ms - DAY_MS // 4 + number
        said[item_id] = (place, event_ms)
        sent.append(_event(texts[place] | {"item_id": item_id, "event_time": time_text(event_ms)}))
    return sent, said


def bad_events(texts: Sequence[Fields], items: int, now_ms: int, chance: Random) -> list[Sent]:
    """Bad messages of item-events, all kinds of `EVENTS`."""
    makers: Mapping[str, Callable[[Fields, Random], Sent]] = {
        NOT_JSON: _event_not_json, SCHEMA: _event_of_wrong_schema, LARGE: _event_too_large, KEY: _event_of_wrong_key,
        FUTURE: _event_of_future, CATEGORY: _event_of_unknown_category,
    }  # fmt: skip
    found = []
    for kind, count in EVENTS.items():
        for number in range(count):
            at = chance.randrange(items)
            # It says what another item's text says, so that it would be seen if it were taken.
            fields = texts[(at + 1) % len(texts)] | {
                "item_id": f"good-{at}", "event_time": time_text(now_ms - number), "title": f"wrong {number}",
            }  # fmt: skip
            found.append(makers[kind](fields, chance))
    return found


def bad_results(items: int, now_ms: int, chance: Random) -> list[Sent]:
    """Bad messages of item-knowledge.results, all kinds of `RESULTS_SHARE`."""
    found = []
    for kind, count in RESULTS_SHARE.items():
        for number in range(count):
            item_id = f"good-{chance.randrange(items)}"
            event_ms = now_ms + (1 + number) * 365 * DAY_MS if kind == FUTURE else now_ms - number
            fields = orjson.loads(orjson.dumps(_results(item_id, event_ms)))
            found.append(_bad_result(kind, number, fields))
    return found


def time_text(unix_ms: int) -> str:
    """A time as events have it."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _event(fields: Fields, key: str | None = None, kind: str = "", *reasons: str) -> Sent:
    value = json.dumps(fields).encode()
    return Sent(ITEM_EVENTS, (key or fields["item_id"]).encode(), value, kind, frozenset(reasons))


def _event_not_json(fields: Fields, chance: Random) -> Sent:
    text = json.dumps(fields).encode()
    value, reason = chance.choice(
        (
            (text[: len(text) // 2], "not_json"),
            (text.replace(b"wrong", b"wr\xffng"), "bad_utf8"),
            (text.replace(b"wrong", b"wr\x00ng"), "nul_character"),
            (b"[" * 200_000, "not_json"),
            (text.replace(b'"title"', b'"price": NaN, "title"'), "not_json"),
            (base64.b64encode(text), "not_json"),
            (b"", "not_json"),
            (None, "no_value"),
        )
    )
    return Sent(ITEM_EVENTS, fields["item_id"].encode(), value, NOT_JSON, frozenset([reason]))


def _event_of_wrong_schema(fields: Fields, chance: Random) -> Sent:
    change, reason = chance.choice(
        (
            ({"event_time": None}, "wrong_type"),
            ({"event_time": "yesterday"}, "bad_time"),
            ({"title": 7}, "wrong_type"),
            ({"title": ""}, "missing_field"),
            ({"title": "\ud800"}, "bad_utf8"),
            ({"title": "a\x00b"}, "nul_character"),
            ({"title": "x" * 5_000}, "too_long"),
            ({"attributes": {"pack": 6}}, "wrong_type"),
            ({"price": 10**400}, "out_of_range"),
            ({"image_urls": "one"}, "wrong_type"),
        )
    )
    return _event(fields | change, None, SCHEMA, reason)


def _event_too_large(fields: Fields, chance: Random) -> Sent:
    # Words that do not shrink to nothing, and some of them zipped by the producer: the broker's limit is of zipped bytes.
    filling = chance.randbytes(LARGE_BYTES // 2).hex()
    value = json.dumps(fields | {"description": filling}).encode()
    zipped = chance.random() < 0.3
    return Sent(ITEM_EVENTS, fields["item_id"].encode(), value, LARGE, frozenset(["too_large"]), zipped)


def _event_of_wrong_key(fields: Fields, chance: Random) -> Sent:
    key = chance.choice((b"another", fields["item_id"].encode() + b" ", b"\xff\xfe", None))
    value = json.dumps(fields).encode()
    return Sent(ITEM_EVENTS, key, value, KEY, frozenset(["wrong_key"]))


def _event_of_future(fields: Fields, chance: Random) -> Sent:
    when = chance.choice(("2099-01-01T00:00:00Z", "2108-12-31T23:59:59Z", "9999-12-31T00:00:00Z"))
    # A time beyond 42 bits of ms is no time at all; either way it must not win.
    return _event(fields | {"event_time": when}, None, FUTURE, "time_in_future", "bad_time")


def _event_of_unknown_category(fields: Fields, chance: Random) -> Sent:
    name = chance.choice(("spaceships", "?", "Tea", "tea "))
    return _event(fields | {"category_id": name}, None, CATEGORY, "unknown_category")


def _results(item_id: str, event_ms: int) -> KnowledgeResults:
    row = KnowledgeRow(
        item_id=item_id, attr_id="brand", category_id="tea", spu_id=None, value_ids=("",), value_texts=("wrong",),
        status=STATED, evidence=(), confidence=1.0, provenance=Provenance("expert", "expert", "", "", "", "bad"),
        fingerprint="", event_ms=event_ms, version=version_of(min(event_ms, (1 << 42) - 1), 9, "expert"), digest="",
    )  # fmt: skip
    return KnowledgeResults(item_id, "tea", event_ms, "expert", "bad", (with_digest(row),))


def _bad_result(kind: str, number: int, fields: Fields) -> Sent:
    key: bytes | None = fields["item_id"].encode()
    value: bytes | None = orjson.dumps(fields)
    reason = "future"
    if kind == NOT_JSON:
        forms = ((value or b"")[:-1], b"\xff\xfe", b"[" * 100_000, None)
        value = forms[number % 4]
        reason = "no_value" if value is None else "not_json"
    elif kind == SCHEMA:
        changes, reason = (
            ({"tier": "weekly"}, "not_in_enum"),
            ({"rows": []}, "mixed"),
            ({"rows": [fields["rows"][0] | {"version": -1}]}, "out_of_range"),
            ({"rows": [fields["rows"][0] | {"item_id": "other"}]}, "mixed"),
            ({"event_ms": "now"}, "wrong_type"),
        )[number % 5]
        value = orjson.dumps(fields | changes)
    elif kind == LARGE:
        value = orjson.dumps(fields | {"run_id": "x" * LARGE_BYTES})
        reason = "too_large"
    elif kind == KEY:
        key = (b"another", None)[number % 2]
        reason = "wrong_key"
    return Sent(RESULTS, key, value, kind, frozenset([reason]))
