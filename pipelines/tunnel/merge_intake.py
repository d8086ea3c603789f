"""What the merge reads: messages of item-knowledge.results, checked one by one (T4, T7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from schemas.dead_letter import DeadLetter, raw_of
from schemas.derive import BadRecord, parse_record
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults, fault_of, key_of
from udfs.version import event_ms_of

MINUTE_MS = 60_000
FUTURE, WRONG_KEY, NOT_JSON, NO_VALUE, TOO_LARGE, MIXED, BAD_FILE = (
    "future", "wrong_key", "not_json", "no_value", "too_large", "mixed", "bad_file",
)  # fmt: skip
_KEY_CHARACTERS, _DETAIL_CHARACTERS = 500, 1_000


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What is refused. `future_ms`: how far the event time of a row may lie after the time of its message.

    `message_bytes`: a change holds a row before and after, so twice this must fit into a message of the changes topic;
    one that did not would hold the merge up for ever.
    """

    future_ms: int = 5 * MINUTE_MS
    message_bytes: int = 3 << 20


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One message as it lies in the topic.

    `value_bytes`: its length; `value` may be only its beginning when that is above the limit. Units: time_ms Unix ms.
    """

    topic: str
    partition: int
    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    value_bytes: int


def read_results(message: RawMessage, now_ms: int, limits: IntakeLimits) -> KnowledgeResults:
    """The results that a message holds. Errors: BadRecord, whose reason and detail the dead letter keeps."""
    if message.value is None:
        raise BadRecord(NO_VALUE, "value", "a tombstone says nothing here: a delete is a row")
    if message.value_bytes > limits.message_bytes:
        words = f"{message.value_bytes:,} bytes, at most {limits.message_bytes:,}"
        raise BadRecord(TOO_LARGE, "value", words)
    try:
        mapping = orjson.loads(message.value)
    except orjson.JSONDecodeError as error:
        raise BadRecord(NOT_JSON, "value", str(error)) from None
    results = parse_record(KnowledgeResults, mapping)
    fault = fault_of(results)
    if fault:
        raise BadRecord(MIXED, "value", fault)
    if message.key is None or message.key != key_of(results).encode("utf-8"):
        raise BadRecord(WRONG_KEY, "key", f"the message is of {key_of(results)!r}")
    require_past(results.rows, min(now_ms, message.time_ms), limits)
    return results


def require_past(rows: Iterable[KnowledgeRow], time_ms: int, limits: IntakeLimits) -> None:
    """Errors: BadRecord for a row from the future: its version would win until that time comes."""
    latest = time_ms + limits.future_ms
    for row in rows:
        event_ms = max(row.event_ms, event_ms_of(row.version))
        if event_ms > latest:
            ahead_s = (event_ms - time_ms) // 1000
            raise BadRecord(FUTURE, "event_ms", f"row {row.attr_id} lies {ahead_s:,} s after its message")


def dead_letter(message: RawMessage, reason: str, detail: str) -> DeadLetter:
    """What is kept of a message that was refused."""
    return DeadLetter(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key.decode("utf-8", "replace")[:_KEY_CHARACTERS] if message.key is not None else None,
        reason=reason,
        detail=detail[:_DETAIL_CHARACTERS],
        raw=raw_of(message.value),
        raw_bytes=message.value_bytes,
        time_ms=max(message.time_ms, 0),
    )
