"""A look at Kafka: lag of consumer groups, dead letters by reason, and how fresh each tier's newest messages are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.kafka import KafkaUnavailable, Message
from infra.topic_look import Ends, TopicTail, group_lags, look_at_topics
from pipelines.tunnel.operations import DOWN, SICK, UP, Part, Sample
from pipelines.tunnel.operations_samples import Freshness, Letters
from pipelines.tunnel.stream_config import job_name
from schemas.topics import CHANGES, DEAD_SUFFIX, RESULTS, TOPICS

NAMES = tuple(plan.name for plan in TOPICS)
DEAD = tuple(name for name in NAMES if name.endswith(DEAD_SUFFIX))
READERS = {job_name(tier): tier for tier in ("realtime", "nearline")}
"""Groups of the stream jobs are shown as their tiers; others by their own names."""


@dataclass
class KafkaProbe:
    """Looks again and again; each look reads on where the last one stopped.

    `newest`: messages before each partition's end at which reading begins, so that one look is quick. `letters`: the same of dead
    letters, None: all that are kept. Units: s.
    """

    servers: str
    now_ms: Callable[[], int]
    newest: int = 200
    letters: int | None = None
    timeout_s: float = 3.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counts: Letters = field(default_factory=Letters)
    _fresh: Freshness = field(default_factory=Freshness)
    _unread: int = 0

    def __post_init__(self) -> None:
        self._dead_tail = TopicTail(DEAD, self.letters)
        self._fresh_tail = TopicTail((RESULTS, CHANGES), self.newest)

    def look(self) -> Part:
        """The broker now; down where it does not answer."""
        with self._lock:
            try:
                ends = look_at_topics(self.servers, NAMES, self.timeout_s)
                samples = self._samples(ends)
            except KafkaUnavailable as error:
                return Part("kafka", DOWN, str(error))
        if ends.missing:
            return Part("kafka", SICK, f"no topic {', '.join(ends.missing)}: `./aiic topics apply`", samples)
        written = ends.written()
        words = f"{len(written)} topics, {sum(written.values()):,} messages written"
        if self._unread:
            words += f"; {self._unread:,} newest messages and dead letters not read in time"
        return Part("kafka", UP, words, samples)

    def _samples(self, ends: Ends) -> list[Sample]:
        written = ends.written()
        found = [
            Sample("aiic_topic_messages_total", count, {"topic": name}) for name, count in written.items()
        ]
        found += [
            Sample("aiic_dead_letters_written_total", count, {"topic": name})
            for name, count in written.items()
            if name in DEAD
        ]
        for lag in group_lags(self.servers, ends, self.timeout_s):
            reader = READERS.get(lag.group, lag.group)
            found.append(Sample("aiic_lag_messages", lag.messages, {"reader": reader, "topic": lag.topic}))
        for_each = self.timeout_s / 2
        left = self._dead_tail.read(self.servers, ends, for_each, lambda one: self._counts.add(one.value))
        self._unread = left + self._fresh_tail.read(self.servers, ends, for_each, self._take)
        return [*found, *self._counts.samples(), *self._fresh.samples(self.now_ms())]

    def _take(self, message: Message) -> None:
        self._fresh.add(message.topic, message.value, message.timestamp_ms)
