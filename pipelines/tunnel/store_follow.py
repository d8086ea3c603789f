"""Follows topics into the item store: batches of messages in, rows and positions in one write, a heartbeat beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import orjson

from pipelines.tunnel.merge_intake import IntakeLimits, RawMessage
from pipelines.tunnel.store import ItemRows
from pipelines.tunnel.store_feed import rows_in
from pipelines.tunnel.store_knowledge import Applied, KnowledgeStore
from schemas.derive import BadRecord

Place = tuple[str, int]
BEGAN, STATUS, REBUILDING, TOPIC_IDS = "began_ms", "status", "rebuilding", "topic_ids"


class Log(Protocol):
    """Topics read as logs; `infra.kafka_log.open_log` opens one."""

    def ends(self) -> dict[Place, int]:
        """The offset that the next message will get, by topic and partition."""

    def ids(self) -> dict[str, str]:
        """The ids of the topics: one that is made anew has another."""

    def seek(self, positions: Mapping[Place, int], ids: Mapping[str, str] | None = None) -> dict[Place, int]:
        """Go to positions in the topics of these ids, to the beginning where there is none; returns where each now is."""

    def positions(self) -> dict[Place, int]:
        """The next offset to be read, by topic and partition."""

    def poll(self, wait_s: float, limit: int) -> Sequence[Any]:
        """The next messages, in order within each partition."""


@dataclass(frozen=True, slots=True)
class FollowConfig:
    """How messages are followed. A write holds at most `messages` messages; the heartbeat comes every `beat_s`."""

    messages: int = 500
    wait_s: float = 0.1
    beat_s: float = 1.0
    ends_s: float = 1.0
    intake: IntakeLimits = field(default_factory=IntakeLimits)


@dataclass(frozen=True, slots=True)
class FollowStatus:
    """What readers of the store can know of its writer. Units: Unix ms.

    `caught_up_ms`: when it first had read all that was there since it started; None before. `lag`: messages that wait, by
    topic. `behind_ms`: how old the newest message read was when it was written.
    """

    started_ms: int
    beat_ms: int = 0
    caught_up_ms: int | None = None
    lag: Mapping[str, int] = field(default_factory=dict)
    read: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    items: int = 0
    changed_items: int = 0
    changed_rows: int = 0
    behind_ms: int = 0
    problem: str | None = None


def status_bytes(status: FollowStatus) -> bytes:
    """The status as it is kept in the store."""
    return orjson.dumps(asdict(status))


def status_of(raw: bytes | None) -> FollowStatus | None:
    """The status that the store keeps; None where nobody has written any."""
    return FollowStatus(**orjson.loads(raw)) if raw else None


class Follower:
    """One consumer over one store. `refused` is told each message that breaks its contract, and why."""

    def __init__(
        self,
        store: KnowledgeStore,
        log: Log,
        config: FollowConfig,
        now_ms: Callable[[], int],
        refused: Callable[[RawMessage, BadRecord], None],
    ) -> None:
        self._store, self._log, self._config, self._now_ms = store, log, config, now_ms
        self._tell = refused
        self._term = 0
        self._started_ms = 0
        self._caught_up_ms: int | None = None
        self._next_look_ms = 0
        self._next_beat_ms = 0
        self._ends: dict[Place, int] = {}
        self._read: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._done = Applied()
        self._behind_ms = 0

    def start(self) -> None:
        """Take the store over and go to where it was read up to.

        Errors: StoreError for a store of another form; PositionLost, KafkaUnavailable of the log.
        """
        self._term = self._store.begin_term()
        self._started_ms = self._now_ms()
        if self._store.noted(BEGAN) is None:
            self._store.note(BEGAN, b"%d" % self._started_ms, self._term)
        known = self._store.noted(TOPIC_IDS)
        self._log.seek(self._store.positions(), orjson.loads(known) if known else None)
        self._store.note(TOPIC_IDS, orjson.dumps(self._log.ids()), self._term)
        self._ends = self._log.ends()
        self.beat()

    def step(self) -> Applied:
        """Read what has come and write it. Errors: Superseded; KafkaUnavailable of the log."""
        found = self._log.poll(self._config.wait_s, self._config.messages)
        now_ms = self._now_ms()
        given = [rows for message in found if (rows := self._rows(message, now_ms)) is not None]
        if found:
            self._behind_ms = max(0, now_ms - max(message.timestamp_ms for message in found))
        positions = self._log.positions()
        if now_ms >= self._next_look_ms:
            self._next_look_ms = now_ms + int(self._config.ends_s * 1000)
            self._ends = self._log.ends()
        if self._caught_up_ms is None and not any(self._lag(positions).values()):
            self._caught_up_ms = now_ms
        elif not found and now_ms < self._next_beat_ms:
            return Applied()
        return self._write(given, positions, {message.topic for message in found})

    def beat(self) -> None:
        """Say that the writer lives, with what it has done."""
        self._write([], self._log.positions(), set())

    def _write(self, given: Sequence[ItemRows], positions: Mapping[Place, int], touched: set[str]) -> Applied:
        moved = {place: offset for place, offset in positions.items() if place[0] in touched}
        # The counts of this write belong to it, yet are only known after it: they are told with the next one.
        status = status_bytes(self._status(positions))
        done = self._store.apply(given, self._term, moved or None, status)
        self._done += done
        self._next_beat_ms = self._now_ms() + int(self._config.beat_s * 1000)
        return done

    def _rows(self, message: Any, now_ms: int) -> ItemRows | None:
        size = len(message.value) if message.value is not None else 0
        raw = RawMessage(
            message.topic,
            message.partition,
            message.offset,
            message.timestamp_ms,
            message.key,
            message.value,
            size,
        )
        self._read[message.topic] += 1
        try:
            return rows_in(raw, now_ms, self._config.intake)
        except BadRecord as error:
            self._refused[error.reason] += 1
            self._tell(raw, error)
            return None

    def _lag(self, positions: Mapping[Place, int]) -> dict[str, int]:
        lag: Counter[str] = Counter()
        for place, end in self._ends.items():
            lag[place[0]] += max(0, end - positions.get(place, 0))
        return dict(lag)

    def _status(self, positions: Mapping[Place, int]) -> FollowStatus:
        return FollowStatus(
            started_ms=self._started_ms,
            beat_ms=self._now_ms(),
            caught_up_ms=self._caught_up_ms,
            lag=self._lag(positions),
            read=dict(self._read),
            refused=dict(self._refused),
            items=self._done.items,
            changed_items=self._done.changed_items,
            changed_rows=self._done.changed_rows,
            behind_ms=self._behind_ms,
        )
