"""Kafka topics, producing and consuming, as a few functions over kafka-python.

Keys are item ids (design.md: topics are keyed by item_id), so that one item's messages stay in order.
"""

import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError, TopicAlreadyExistsError

POLL_S = 0.3
LINGER_MS = 20


class KafkaUnavailable(ConnectionError):
    """No broker answers at the address, or it stopped answering."""


class TopicMismatch(ValueError):
    """A topic is there already, with another number of partitions: keys would move."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic to create. `settings` are Kafka's own, for instance {"cleanup.policy": "compact"}."""

    name: str
    partitions: int
    replicas: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it was read. Units: timestamp_ms in Unix ms, as the producer stamped it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


def ping(servers: str, timeout_s: float) -> bool:
    """Tell whether a broker answers a metadata request at the first of `servers` (host:port,...)."""
    host, port = servers.split(",")[0].rsplit(":", 1)
    try:
        # Without this look at the port, the client would log an error for each try.
        socket.create_connection((host, int(port)), timeout=timeout_s).close()
        with closing(_admin(servers, timeout_s)) as admin:
            admin.list_topics()
    except (OSError, KafkaError):
        return False
    return True


def wait_ready(servers: str, timeout_s: float) -> None:
    """Wait until a broker answers.

    Errors: KafkaUnavailable after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while not ping(servers, timeout_s=2.0):
        if time.monotonic() > deadline:
            raise KafkaUnavailable(
                f"no Kafka broker at {servers} after {timeout_s:g} s: run `./aiic up --only kafka`"
            )
        time.sleep(POLL_S)


def ensure_topics(servers: str, topics: Sequence[Topic], timeout_s: float = 30.0) -> list[str]:
    """Create the topics that are missing and wait until they can be used; returns the names of the new ones.

    Errors: TopicMismatch when one exists with another number of partitions; KafkaUnavailable.
    """
    wait_ready(servers, timeout_s)
    with closing(_admin(servers, timeout_s)) as admin:
        created = [topic.name for topic in topics if _create(admin, topic)]
        admin.wait_for_topics([topic.name for topic in topics], timeout_ms=int(timeout_s * 1000))
        found = {entry["name"]: len(entry["partitions"]) for entry in admin.describe_topics()}
    for topic in topics:
        if found[topic.name] != topic.partitions:
            raise TopicMismatch(
                f"topic {topic.name} has {found[topic.name]} partitions, expected {topic.partitions}"
            )
    return created


def produce(
    servers: str, topic: str, messages: Iterable[tuple[str, bytes | None]], timeout_s: float = 30.0
) -> int:
    """Send (key, value) pairs and wait until the broker has all of them; returns how many. None is a tombstone.

    Errors: KafkaUnavailable when any of them is not acknowledged.
    """
    try:
        producer = KafkaProducer(
            bootstrap_servers=servers,
            acks="all",
            linger_ms=LINGER_MS,
            max_block_ms=int(timeout_s * 1000),
            bootstrap_timeout_ms=int(timeout_s * 1000),
        )
        with closing(producer):
            sent = [producer.send(topic, key=key.encode("utf-8"), value=value) for key, value in messages]
            producer.flush(timeout=timeout_s)
            for receipt in sent:
                receipt.get(timeout=timeout_s)
    except KafkaError as error:
        raise KafkaUnavailable(f"cannot write to topic {topic} at {servers}: {error!r}") from error
    return len(sent)


def consume(
    servers: str, topic: str, *, idle_s: float, limit: int | None = None, group: str | None = None
) -> Iterator[Message]:
    """Yield messages from the oldest on, until `limit` of them, or until none arrives for `idle_s`.

    With a group it goes on where the group stopped; a message counts as read when the next one is asked for,
    so a crash repeats at most one poll (at least once).
    Errors: KafkaUnavailable.
    """
    try:
        consumer = KafkaConsumer(
            topic,
            bootstrap_servers=servers,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            bootstrap_timeout_ms=int(max(idle_s, 5.0) * 1000),
        )
    except KafkaError as error:
        raise KafkaUnavailable(f"cannot read topic {topic} at {servers}: {error!r}") from error
    with closing(consumer):
        yield from _poll(consumer, idle_s, limit, commit=group is not None)


def _poll(consumer: Any, idle_s: float, limit: int | None, *, commit: bool) -> Iterator[Message]:
    """Poll in batches; a batch is committed once all of it was handed out."""
    left = limit
    while left is None or left > 0:
        records = consumer.poll(timeout_ms=int(idle_s * 1000), max_records=min(left or 500, 500))
        if not records:
            return
        for record in (record for batch in records.values() for record in batch):
            yield Message(
                record.topic, record.partition, record.offset, record.timestamp, record.key, record.value
            )
            left = None if left is None else left - 1
        if commit:
            consumer.commit()


def _admin(servers: str, timeout_s: float) -> Any:
    """Open an admin client."""
    timeout_ms = int(timeout_s * 1000)
    return KafkaAdminClient(
        bootstrap_servers=servers, bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
    )


def _create(admin: Any, topic: Topic) -> bool:
    """Create one topic; False when it was there."""
    wanted = {
        "num_partitions": topic.partitions,
        "replication_factor": topic.replicas,
        "configs": dict(topic.settings),
    }
    try:
        admin.create_topics({topic.name: wanted})
    except TopicAlreadyExistsError:
        return False
    return True
