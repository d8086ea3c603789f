"""From a message of `item-events` to an arrival that a stream job can work on, or to a dead letter that says why not.

Pure: the time that decides what lies in the future is the broker's, so a message that is read again is judged the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container
from dataclasses import dataclass

from pipelines.tunnel.intake import MAX_FUTURE_MS, TIME_IN_FUTURE
from pipelines.tunnel.intake_read import MAX_LINE_BYTES, BadLine, json_object
from schemas.dead_letter import DeadLetter, raw_of
from schemas.event import ItemEvent, listing_of
from schemas.json_form import to_mapping
from schemas.listing import Listing
from schemas.moment import time_ms
from schemas.parse import BadRecord, parse_record

MAX_EVENT_BYTES = MAX_LINE_BYTES
TOO_LARGE, WRONG_KEY, UNKNOWN_CATEGORY, NO_VALUE = "too_large", "wrong_key", "unknown_category", "no_value"
DELETED = "deleted"
NOT_RECOGNISED_FROM = ("price", "priority", "event_time", "is_deleted")
"""Fields of a listing that recognition never looks at, so that a change of them alone computes nothing."""
_KEPT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as it was read. Units: time_ms is when the broker took it, Unix ms."""

    topic: str
    partition: int
    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A sound event: the listing's state, how new it is, and where it was read.

    `digest` tells states apart, `text` what recognition would see (`DELETED` for an end). `deferred`: the real-time tier
    gave it up, and the nearline tier is to answer.
    """

    listing: Listing
    event_ms: int
    digest: str
    text: str
    arrived_ms: int
    origin: tuple[str, int, int]
    deferred: bool = False


def check_event(
    raw: RawMessage,
    categories: Container[str] | None,
    deferred: bool = False,
    max_future_ms: int = MAX_FUTURE_MS,
) -> Arrival | DeadLetter:
    """The arrival that a message holds, or the dead letter that it becomes.

    `categories`: those of the ontology, None to let any pass. A delete may name a category that is gone.
    """
    try:
        event, event_ms = _sound_event(raw, categories, max_future_ms)
    except BadLine as fault:
        return dead_letter(raw, fault.reason, fault.detail)
    except BadRecord as fault:
        return dead_letter(raw, fault.reason, f"{fault.field}: {fault.detail}")
    listing = listing_of(event)
    text = DELETED if listing.is_deleted else text_digest(listing)
    origin = (raw.topic, raw.partition, raw.offset)
    return Arrival(listing, event_ms, listing_digest(listing), text, raw.time_ms, origin, deferred)


def _sound_event(
    raw: RawMessage, categories: Container[str] | None, max_future_ms: int
) -> tuple[ItemEvent, int]:
    """Errors: BadLine, BadRecord."""
    if raw.value is None:
        raise BadLine(NO_VALUE, "an empty message; an item's end is an event with is_deleted")
    if len(raw.value) > MAX_EVENT_BYTES:
        raise BadLine(TOO_LARGE, f"{len(raw.value):,} bytes, {MAX_EVENT_BYTES:,} are allowed")
    event = parse_record(ItemEvent, json_object(raw.value))
    if raw.key != event.item_id.encode("utf-8"):
        raise BadLine(WRONG_KEY, f"the key is {_shown(raw.key)!r}, the item {event.item_id!r}")
    if not event.is_deleted and not event.title.strip():
        raise BadLine("missing_field", "title: a listing that goes on needs one")
    event_ms = time_ms(event.event_time)
    if event_ms > raw.time_ms + max_future_ms:
        ahead_s = (event_ms - raw.time_ms) // 1000
        raise BadLine(TIME_IN_FUTURE, f"event_time: {ahead_s} s after the message was sent")
    is_known = categories is None or event.category_id is None or event.category_id in categories
    if not is_known and not event.is_deleted:
        raise BadLine(UNKNOWN_CATEGORY, f"category_id: {event.category_id!r} is not in the ontology")
    return event, event_ms


def priority_of(raw: RawMessage) -> str | None:
    """The priority that an event states, which may break its contract elsewhere; None for none."""
    try:
        stated = json_object(raw.value or b"").get("priority")
    except BadLine:
        return None
    return stated if isinstance(stated, str) else None


def dead_letter(raw: RawMessage, reason: str, detail: str) -> DeadLetter:
    """The dead letter of a message."""
    key = None if raw.key is None else _shown(raw.key)[:_KEPT_CHARACTERS]
    return DeadLetter(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=key,
        reason=reason,
        detail=_printable(detail)[:_KEPT_CHARACTERS],
        raw=raw_of(raw.value),
        raw_bytes=len(raw.value or b""),
        time_ms=max(0, raw.time_ms),
    )


def listing_digest(listing: Listing) -> str:
    """Digest of a whole state; of two states with one time the greater digest wins."""
    return _digest(to_mapping(listing))


def text_digest(listing: Listing) -> str:
    """Digest of all that recognition sees of a listing."""
    seen = {name: value for name, value in to_mapping(listing).items() if name not in NOT_RECOGNISED_FROM}
    return _digest(seen)


def _digest(content: dict[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _shown(key: bytes | None) -> str:
    return _printable((key or b"").decode("utf-8", "replace"))


def _printable(text: str) -> str:
    """Text that any reader can read: no NUL, no half surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
