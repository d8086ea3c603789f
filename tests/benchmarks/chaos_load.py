"""What is sent to a tunnel while parts of it are killed, and what must be there afterwards.

Events of the demo catalog: 70 % change no text, 25 % change words, 5 % are new items; a fifth of the items are stars.
Besides, one event in ten comes once more, one in ten comes late (after newer states of its item), and a few items end.
Every text carries a word of its own and never returns, so that rows tell from which state they were computed.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.topics import ITEM_EVENTS

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "infra/demo/catalog/listings.jsonl"
PRICE_SHARE, WORDS_SHARE, STAR_EACH = 0.70, 0.25, 5
REPEATED_SHARE, LATE_SHARE, ENDED_SHARE = 0.10, 0.10, 0.01
ACK_S = 10.0
TRY_AGAIN_S = 0.5


def templates() -> list[dict[str, Any]]:
    """Listings of the demo catalog that have a category."""
    found = [json.loads(line) for line in CATALOG.read_text("utf-8").splitlines()]
    left_out = ("event_time", "priority", "item_id", "is_deleted")
    return [
        {name: value for name, value in one.items() if name not in left_out}
        for one in found
        if one.get("category_id")
    ]


@dataclass
class Ledger:
    """All states that were sent, by item, and by time. Units: Unix ms."""

    states: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    events: int = 0
    repeated: int = 0
    late: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, event_ms: int, event: Mapping[str, Any]) -> None:
        """Write a state down."""
        with self.lock:
            self.states.setdefault(str(event["item_id"]), {})[event_ms] = dict(event)


def text_of(event: Mapping[str, Any]) -> tuple[object, ...]:
    """What of an event is its text, or that it ends the item."""
    return (event.get("title"), event.get("description"), bool(event.get("is_deleted")))


def standing(states: Mapping[int, Mapping[str, Any]]) -> list[int]:
    """The times of the states that the item's rows may be of: the newest one, and those before it with the same text."""
    found: list[int] = []
    for event_ms in sorted(states, reverse=True):
        if found and text_of(states[event_ms]) != text_of(states[found[0]]):
            break
        found.append(event_ms)
    return found


class Sender:
    """Sends messages until the broker has them, however long it is away; what is sent twice is a repetition."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._producer: Any = None

    def send(self, events: Sequence[Mapping[str, Any]], ending: threading.Event | None = None) -> bool:
        """Send events in order; False where `ending` came before they all arrived."""
        while True:
            try:
                self._try(events)
                return True
            except (KafkaError, OSError, ValueError):
                self.close()
                if ending is not None and ending.is_set():
                    return False
                time.sleep(TRY_AGAIN_S)

    def _try(self, events: Sequence[Mapping[str, Any]]) -> None:
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self._servers, acks="all", linger_ms=5, max_block_ms=int(ACK_S * 1000),
                bootstrap_timeout_ms=int(ACK_S * 1000),
            )  # fmt: skip
        sent = [
            self._producer.send(ITEM_EVENTS, key=str(one["item_id"]).encode(), value=json.dumps(one).encode())
            for one in events
        ]
        for receipt in sent:
            receipt.get(timeout=ACK_S)

    def close(self) -> None:
        """Let go of the broker; what is under way is given up."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError):
                producer.close(timeout=1)


class Load(threading.Thread):
    """Events at a rate until `end`. Items are named after `prefix`."""

    def __init__(self, servers: str, ledger: Ledger, rate: float, items: int, seed: int = 5) -> None:
        super().__init__(name="load", daemon=True)
        self._sender, self._ledger, self._rate, self._items = Sender(servers), ledger, rate, items
        self._rng, self._templates = random.Random(seed), templates()
        self._now: dict[str, dict[str, Any]] = {}
        self._ended: set[str] = set()
        self._words, self._last_ms, self._ending = 0, 0, threading.Event()
        self.failed: BaseException | None = None

    def first(self) -> None:
        """Send the items that are there before anything is killed."""
        self._sender.send([self._new() for _ in range(self._items)])

    def run(self) -> None:
        """Send until ended; one second's events at a time, the seconds that a broker is away all when it is back."""
        try:
            began_s, sent = time.monotonic(), 0
            while not self._ending.wait(0.2):
                due = int((time.monotonic() - began_s) * self._rate) - sent
                if due > 0:
                    self._sender.send([event for _ in range(due) for event in self._next()])
                    sent += due
        except BaseException as error:  # told by who ends it
            self.failed = error
        finally:
            self._sender.close()

    def end(self) -> None:
        """Stop after what is under way. Errors: what ended the load early."""
        self._ending.set()
        self.join(120)
        if self.failed is not None:
            raise self.failed
        if self.is_alive():
            raise TimeoutError("the load did not end: the broker takes nothing")

    def _next(self) -> list[dict[str, Any]]:
        drawn = self._rng.random()
        if drawn >= PRICE_SHARE + WORDS_SHARE or not self._now:
            return [self._new()]
        item = self._rng.choice([one for one in self._now if one not in self._ended])
        if self._rng.random() < ENDED_SHARE and len(self._now) - len(self._ended) > 5:
            self._ended.add(item)
            return [self._stamped({"item_id": item, "is_deleted": True})]
        if self._rng.random() < LATE_SHARE:
            # A state that never was the newest: it comes after one that is newer.
            late = self._stamped(self._now[item] | self._words_of(item))
            self._ledger.late += 1
            return [self._change(item, drawn < PRICE_SHARE), late]
        event = self._change(item, drawn < PRICE_SHARE)
        if self._rng.random() < REPEATED_SHARE:
            self._ledger.repeated += 1
            return [event, event]
        return [event]

    def _new(self) -> dict[str, Any]:
        number = len(self._now)
        item = f"chaos-{number:05}"
        state = self._templates[number % len(self._templates)] | {"item_id": item, "spu_id": f"spu-{item}"}
        if number % STAR_EACH == 0:
            state["priority"] = "star"
        self._now[item] = state
        self._now[item] = state | self._words_of(item)
        return self._stamped(self._now[item])

    def _change(self, item: str, is_price: bool) -> dict[str, Any]:
        change = {"price": round(self._rng.uniform(5, 500), 2)} if is_price else self._words_of(item)
        self._now[item] = self._now[item] | change
        return self._stamped(self._now[item])

    def _words_of(self, item: str) -> dict[str, Any]:
        self._words += 1
        text = str(self._now[item].get("description", "")).partition("\n")[2] if item in self._now else ""
        return {"description": f"Note from the seller: word{self._words}, sent within a day.\n{text}"}

    def _stamped(self, state: Mapping[str, Any]) -> dict[str, Any]:
        self._last_ms = max(self._last_ms + 1, time.time_ns() // 1_000_000)
        event = {**state, "event_time": moment(self._last_ms)}
        self._ledger.note(self._last_ms, event)
        self._ledger.events += 1
        return event


def moment(event_ms: int) -> str:
    """A time as events write it."""
    return datetime.fromtimestamp(event_ms / 1000, UTC).isoformat(timespec="milliseconds")
