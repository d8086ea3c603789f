"""A look at topics from outside: where they end, how far consumer groups are, and their newest messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from infra.kafka import KafkaUnavailable, Message, ping

Place = tuple[str, int]
POLL_MESSAGES = 500
FETCH_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class GroupLag:
    """How many messages of a topic a group has not committed yet."""

    group: str
    topic: str
    messages: int


@dataclass(frozen=True, slots=True)
class Ends:
    """Begin and end of each partition of some topics, and the topics that are missing."""

    begins: dict[Place, int]
    ends: dict[Place, int]
    missing: tuple[str, ...]

    def written(self) -> dict[str, int]:
        """Messages ever written, by topic."""
        found: dict[str, int] = {}
        for (topic, _), end in self.ends.items():
            found[topic] = found.get(topic, 0) + end
        return found


@dataclass
class TopicTail:
    """Reads on in some topics, look by look, from `newest` messages before each partition's end (None: the beginning)."""

    topics: Sequence[str]
    newest: int | None
    positions: dict[Place, int] = field(default_factory=dict)

    def read(self, servers: str, ends: Ends, timeout_s: float, take: Callable[[Message], None]) -> int:
        """Give the messages that came since to `take`, as far as the time goes; how many are left.

        Errors: KafkaUnavailable.
        """
        places = [place for place in ends.ends if place[0] in self.topics]
        for place in places:
            begin, end = ends.begins[place], ends.ends[place]
            first = begin if self.newest is None else max(begin, end - self.newest)
            at = self.positions.get(place, first)
            # Messages that left the topic are passed over; a topic that was made anew is read anew.
            self.positions[place] = first if at > end else max(at, begin)
        behind = [place for place in places if self.positions[place] < ends.ends[place]]
        if behind:
            self._read(servers, behind, ends, timeout_s, take)
        return sum(ends.ends[place] - self.positions[place] for place in places)

    def _read(
        self,
        servers: str,
        behind: Sequence[Place],
        ends: Ends,
        timeout_s: float,
        take: Callable[[Message], None],
    ) -> None:
        deadline = time.monotonic() + timeout_s
        try:
            with closing(_consumer(servers, timeout_s)) as consumer:
                consumer.assign([TopicPartition(*place) for place in behind])
                for place in behind:
                    consumer.seek(TopicPartition(*place), self.positions[place])
                while any(self.positions[place] < ends.ends[place] for place in behind):
                    left_s = deadline - time.monotonic()
                    if left_s <= 0:
                        return
                    polled = consumer.poll(timeout_ms=int(left_s * 1000), max_records=POLL_MESSAGES)
                    for part, records in polled.items():
                        for one in records:
                            take(
                                Message(
                                    part.topic, part.partition, one.offset, one.timestamp, one.key, one.value
                                )
                            )
                        self.positions[part.topic, part.partition] = consumer.position(part)
        except KafkaError as error:
            raise KafkaUnavailable(f"cannot read topics at {servers}: {error!r}") from error


def look_at_topics(servers: str, topics: Iterable[str], timeout_s: float) -> Ends:
    """Where topics begin and end. Errors: KafkaUnavailable."""
    if not ping(servers, min(timeout_s, 2.0)):
        raise KafkaUnavailable(f"no Kafka broker answers at {servers}: `./aiic up --only kafka`")
    try:
        with closing(_consumer(servers, timeout_s)) as consumer:
            parts, missing = [], []
            for topic in topics:
                found = consumer.partitions_for_topic(topic)
                parts += [TopicPartition(topic, number) for number in sorted(found or ())]
                missing += [] if found else [topic]
            begins, ends = (
                (consumer.beginning_offsets(parts), consumer.end_offsets(parts)) if parts else ({}, {})
            )
    except KafkaError as error:
        raise KafkaUnavailable(f"cannot read topics at {servers}: {error!r}") from error
    return Ends(_plain(begins), _plain(ends), tuple(missing))


def group_lags(servers: str, ends: Ends, timeout_s: float) -> list[GroupLag]:
    """How far every group is that has committed anything of these topics. Errors: KafkaUnavailable."""
    timeout_ms = int(timeout_s * 1000)
    lags: dict[tuple[str, str], int] = {}
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=servers, bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
        )
        with closing(admin):
            groups = [str(one["group_id"]) for one in admin.list_groups()]
            committed = admin.list_group_offsets(groups) if groups else {}
    except KafkaError as error:
        raise KafkaUnavailable(f"cannot read consumer groups at {servers}: {error!r}") from error
    for group, offsets in committed.items():
        for part, found in offsets.items():
            place = (part.topic, part.partition)
            if place in ends.ends and found.offset >= 0:
                lag = max(0, ends.ends[place] - max(found.offset, ends.begins[place]))
                lags[group, part.topic] = lags.get((group, part.topic), 0) + lag
    return [GroupLag(group, topic, messages) for (group, topic), messages in sorted(lags.items())]


def _consumer(servers: str, timeout_s: float) -> KafkaConsumer:
    return KafkaConsumer(
        bootstrap_servers=servers,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        bootstrap_timeout_ms=int(timeout_s * 1000),
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=100,
    )


def _plain(offsets: dict[TopicPartition, int]) -> dict[Place, int]:
    return {(part.topic, part.partition): int(offset) for part, offset in offsets.items()}
