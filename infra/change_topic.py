"""item-knowledge.changes on Kafka: written in order by the merge alone, and its newest message."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import orjson
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from infra.kafka import KafkaUnavailable
from schemas.change import Change
from schemas.parse import BadRecord, parse_record

LINGER_MS = 20
BATCH_BYTES = 256 * 1024
MAX_MESSAGE_BYTES = 8 << 20
TAILS = (1, 100)
"""How many of a partition's last messages are looked at for a change: one, and where that is none, these."""


class TopicWriter:
    """Writes messages to one topic and waits until the broker has them; messages of a partition keep their order."""

    def __init__(self, servers: str, topic: str, timeout_s: float = 60.0) -> None:
        self._servers, self._topic, self._timeout_s = servers, topic, timeout_s
        self._producer: Any = None

    def send(self, messages: Sequence[tuple[str | None, bytes]]) -> None:
        """Send (key, value) pairs, in order. Errors: KafkaUnavailable; some of them may have arrived then."""
        if not messages:
            return
        try:
            producer = self._open()
            sent = [
                producer.send(self._topic, key=None if key is None else key.encode("utf-8"), value=value)
                for key, value in messages
            ]
            producer.flush(timeout=self._timeout_s)
            for receipt in sent:
                receipt.get(timeout=self._timeout_s)
        except KafkaError as error:
            # What the old producer still holds must not arrive after what a new one sends.
            self.close()
            raise KafkaUnavailable(
                f"cannot write to topic {self._topic} at {self._servers}: {error!r}"
            ) from error

    def close(self) -> None:
        """End the connection; what was not acknowledged is given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=1)

    def _open(self) -> Any:
        if self._producer is None:
            # Idempotent: a repeated send neither doubles nor overtakes another one.
            self._producer = KafkaProducer(
                bootstrap_servers=self._servers,
                acks="all",
                enable_idempotence=True,
                linger_ms=LINGER_MS,
                batch_size=BATCH_BYTES,
                max_request_size=MAX_MESSAGE_BYTES,
                max_block_ms=int(self._timeout_s * 1000),
                bootstrap_timeout_ms=int(self._timeout_s * 1000),
            )
        return self._producer


def newest_change(servers: str, topic: str, timeout_s: float = 30.0) -> dict[str, Any] | None:
    """The message of the greatest `sequence` in the topic, None where it is empty.

    The merge writes in the order of `sequence`, so only the last change of each partition need be read. What is no change is
    a stranger's, and is passed over.
    Errors: KafkaUnavailable, also where a partition ends in nothing but messages that are no changes.
    """
    try:
        with closing(
            KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, group_id=None)
        ) as consumer:
            parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            starts, ends = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
            filled = [part for part in parts if ends[part] > starts[part]]
            found = [_last_of(consumer, part, starts[part], ends[part], timeout_s) for part in filled]
    except KafkaError as error:
        raise KafkaUnavailable(f"cannot read topic {topic} at {servers}: {error!r}") from error
    return max(found, key=lambda change: int(change["sequence"]), default=None)


def _last_of(consumer: Any, part: TopicPartition, start: int, end: int, timeout_s: float) -> dict[str, Any]:
    for tail in TAILS:
        changes = [
            _change(value) for value in _values(consumer, part, max(start, end - tail), end, timeout_s)
        ]
        sound = [change for change in changes if change is not None]
        if sound:
            return sound[-1]
    raise KafkaUnavailable(
        f"{part.topic}[{part.partition}] ends in {min(end - start, TAILS[-1])} messages that are no changes: "
        "somebody else than the merge writes to it"
    )


def _values(
    consumer: Any, part: TopicPartition, begin: int, end: int, timeout_s: float
) -> list[bytes | None]:
    """The messages from one offset up to another. Errors: KafkaUnavailable when they do not come."""
    consumer.assign([part])
    consumer.seek(part, begin)
    found: list[bytes | None] = []
    deadline = time.monotonic() + timeout_s
    while consumer.position(part) < end:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise KafkaUnavailable(f"the last messages of {part.topic}[{part.partition}] did not come")
        polled = consumer.poll(timeout_ms=int(left_s * 1000))
        found += [record.value for record in polled.get(part, ()) if record.offset < end]
    return found


def _change(value: bytes | None) -> dict[str, Any] | None:
    """The change that a message holds, None where it is none."""
    try:
        found = orjson.loads(value or b"")
        parse_record(Change, found)
    except (orjson.JSONDecodeError, BadRecord):
        return None
    return dict(found)
