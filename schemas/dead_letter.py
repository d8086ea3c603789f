"""Dead letters: messages that broke their contract, kept with the reason until somebody looks (paper section 6; T7)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from schemas.contract import Example, contract, spoiled

MAX_RAW_BYTES = 64 * 1024
"""How much of a message a dead letter keeps: enough to see what it was, little enough for any broker."""
_RAW_CHARACTERS = (MAX_RAW_BYTES + 2) // 3 * 4
_LETTER: dict[str, object] = {
    "topic": "item-events",
    "partition": 2,
    "offset": 1_024,
    "key": "sku-1",
    "reason": "not_json",
    "detail": "Expecting value at character 0",
    "raw": "b29wcw==",
    "raw_bytes": 4,
    "time_ms": 1_790_000_000_000,
}


@contract(
    name="dead-letter",
    version=1,
    key=("topic", "partition", "offset"),
    owner="the reader of the topic",
    retention_days=30,
    valid=Example(_LETTER),
    invalid=(
        spoiled(_LETTER, "topic", ""),
        spoiled(_LETTER, "offset", -1),
        spoiled(_LETTER, "reason", ""),
        spoiled(_LETTER, "raw_bytes", -1),
    ),
)
@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Message of every `*.dead` topic, v1: a message that was refused, and why. Key: (topic, partition, offset).

    A message that is read again after a crash is refused again: the key tells the copies.
    """

    topic: str = field(
        metadata={"min_length": 1, "max_length": 249, "doc": "topic that the message was read from"}
    )
    partition: int = field(metadata={"minimum": 0, "doc": "its partition"})
    offset: int = field(metadata={"minimum": 0, "doc": "its offset in the partition"})
    key: str | None = field(
        metadata={"max_length": 500, "doc": "its key as far as it is text; null: it had none"}
    )
    reason: str = field(metadata={"min_length": 1, "max_length": 50, "doc": "short reason code"})
    detail: str = field(metadata={"max_length": 1_000, "doc": "what was wrong, in words"})
    raw: str = field(
        metadata={"max_length": _RAW_CHARACTERS, "doc": f"base64 of its first {MAX_RAW_BYTES:,} bytes"}
    )
    raw_bytes: int = field(
        metadata={"minimum": 0, "doc": "how long it was; more than `raw` holds: it was cut"}
    )
    time_ms: int = field(metadata={"minimum": 0, "doc": "when it entered the topic, Unix ms, UTC"})


def raw_of(value: bytes | None) -> str:
    """The beginning of a message as a dead letter keeps it."""
    return base64.b64encode((value or b"")[:MAX_RAW_BYTES]).decode("ascii")
