"""item-knowledge.changes on Kafka: written in order by the merge alone, and its newest message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from infra.kafka import KafkaUnavailable

LINGER_MS = 20
BATCH_BYTES = 256 * 1024
MAX_MESSAGE_BYTES = 8 << 20
_TAIL_MESSAGES = 1


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

    The merge writes in the order of `sequence`, so only the last message of each partition need be read.
    Errors: KafkaUnavailable.
    """
    try:
        with closing(
            KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False, group_id=None)
        ) as consumer:
            parts = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            starts, ends = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
            filled = [part for part in parts if ends[part] > starts[part]]
            found = [_last_of(consumer, part, ends[part], timeout_s) for part in filled]
    except KafkaError as error:
        raise KafkaUnavailable(f"cannot read topic {topic} at {servers}: {error!r}") from error
    return max(found, key=lambda change: int(change["sequence"]), default=None)


def _last_of(consumer: Any, part: TopicPartition, end: int, timeout_s: float) -> dict[str, Any]:
    consumer.assign([part])
    consumer.seek(part, end - _TAIL_MESSAGES)
    records = consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=_TAIL_MESSAGES).get(part)
    if not records:
        raise KafkaUnavailable(f"the last message of {part.topic}, partition {part.partition}, did not come")
    change: dict[str, Any] = json.loads(records[-1].value)
    return change
