"""Kafka topics as logs: read from positions that the reader keeps itself, without a consumer group."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from infra.kafka import KafkaUnavailable, Message
from infra.kafka_topic_id import TopicMissing, topic_ids

__all__ = ["KafkaLog", "PositionLost", "TopicMissing", "open_log"]

FETCH_BYTES = 16 << 20
WAIT_MS = 50
BEGIN_AGAIN = "begin again from the table (the lookup store: `./aiic serve --rebuild`)"
Positions = Mapping[tuple[str, int], int]


class PositionLost(LookupError):
    """Messages were removed from a topic before they were read. The message says what to do."""


class KafkaLog:
    """Some topics, every partition of them. Made by `open_log`; `poll` goes on where `seek` said."""

    def __init__(self, consumer: Any, places: list[Any], servers: str) -> None:
        self._consumer = consumer
        self._places = places
        self._servers = servers

    def begins(self) -> dict[tuple[str, int], int]:
        """The offset of the oldest message that is kept, by topic and partition. Errors: KafkaUnavailable."""
        return self._offsets(self._consumer.beginning_offsets)

    def ends(self) -> dict[tuple[str, int], int]:
        """The offset that the next message will get, by topic and partition. Errors: KafkaUnavailable."""
        return self._offsets(self._consumer.end_offsets)

    def ids(self) -> dict[str, str]:
        """The ids of the topics: one that is made anew has another. Errors: KafkaUnavailable, TopicMissing."""
        return topic_ids(self._servers, sorted({place.topic for place in self._places}))

    def seek(self, positions: Positions, ids: Mapping[str, str] | None = None) -> dict[tuple[str, int], int]:
        """Go to positions; a partition without one is read from its beginning. Returns where each now is.

        `ids`: those that the topics had when the positions were noted. Without them a topic that was made anew is only noticed
        while it is shorter than before.
        Errors: PositionLost where messages were removed since, or the topic was made anew; KafkaUnavailable.
        """
        now = self.ids() if ids else {}
        for topic, known in (ids or {}).items():
            if topic in now and now[topic] != known:
                raise PositionLost(f"{topic} was made anew since it was read: {BEGIN_AGAIN}")
        begins, ends = self.begins(), self.ends()
        for place in self._places:
            name = (place.topic, place.partition)
            at = positions.get(name, begins[name])
            if not begins[name] <= at <= ends[name]:
                raise PositionLost(
                    f"{place.topic}[{place.partition}] was read up to {at}, the broker keeps {begins[name]} to "
                    f"{ends[name]}: {BEGIN_AGAIN}"
                )
            self._consumer.seek(place, at)
        return self.positions()

    def positions(self) -> dict[tuple[str, int], int]:
        """The next offset to be read, by topic and partition."""
        return {(one.topic, one.partition): self._consumer.position(one) for one in self._places}

    def poll(self, wait_s: float, limit: int) -> list[Message]:
        """The next messages, in order within each partition; none when none came in time. Errors: KafkaUnavailable."""
        try:
            found = self._consumer.poll(timeout_ms=int(wait_s * 1000), max_records=limit)
        except KafkaError as error:
            raise self._unavailable(error) from error
        return [
            Message(one.topic, one.partition, one.offset, one.timestamp, one.key, one.value)
            for records in found.values()
            for one in records
        ]

    def close(self) -> None:
        """Let go of connections."""
        with suppress(KafkaError):
            self._consumer.close()

    def _offsets(self, ask: Any) -> dict[tuple[str, int], int]:
        try:
            return {(one.topic, one.partition): offset for one, offset in ask(self._places).items()}
        except KafkaError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: KafkaError) -> KafkaUnavailable:
        return KafkaUnavailable(f"cannot read from the Kafka broker at {self._servers}: {error!r}")


def open_log(servers: str, topics: Iterable[str], timeout_s: float = 10.0) -> KafkaLog:
    """Open topics for reading. Errors: KafkaUnavailable, TopicMissing."""
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            bootstrap_timeout_ms=int(timeout_s * 1000),
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=WAIT_MS,
        )
    except KafkaError as error:
        raise KafkaUnavailable(
            f"no Kafka broker at {servers}: run `./aiic up --only kafka`: {error!r}"
        ) from error
    try:
        places = [place for topic in topics for place in _partitions(consumer, topic, timeout_s)]
        consumer.assign(places)
    except (KafkaError, TopicMissing) as error:
        consumer.close()
        if isinstance(error, TopicMissing):
            raise
        raise KafkaUnavailable(f"cannot read topics at {servers}: {error!r}") from error
    return KafkaLog(consumer, places, servers)


def _partitions(consumer: Any, topic: str, timeout_s: float) -> list[Any]:
    """All partitions of a topic; a new topic takes a moment to be known."""
    deadline = time.monotonic() + min(timeout_s, 2.0)
    while not (found := consumer.partitions_for_topic(topic)):
        if time.monotonic() > deadline:
            raise TopicMissing(f"there is no topic {topic}: run `./aiic topics apply`")
        time.sleep(0.1)
    return [TopicPartition(topic, number) for number in sorted(found)]
