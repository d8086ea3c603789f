"""Sends events at their times and watches the lookup service until it holds each of them: from event to lookup.

An event's time begins when it was due, whether or not it could be sent then, and ends with the first answer of the service
that is of its state or a later one of its item. One thread sends, one asks for all items that are waited for.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from kafka import KafkaProducer

from schemas.topics import ITEM_EVENTS
from tests.benchmarks.tunnel_events import Event
from udfs.version import event_ms_of

ASK_EVERY_S = 0.04
MOST_IDS = 500


@dataclass
class Watched:
    """One event on its way. Units: Unix s, `event_ms` Unix ms; `seen_s` None: not seen in time."""

    event: Event
    due_s: float
    event_ms: int
    seen_s: float | None = None

    @property
    def took_s(self) -> float:
        """From due to seen. Errors: ValueError for one that was never seen."""
        if self.seen_s is None:
            raise ValueError(f"{self.event.item_id} was not seen")
        return self.seen_s - self.due_s


class Lookup:
    """Asks one lookup service for items, over one connection that is opened again where it breaks."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def newest_ms(self, ids: Sequence[str]) -> dict[str, int]:
        """The time of the newest state that the service holds of each item that it knows. Units: Unix ms."""
        found: dict[str, int] = {}
        for first in range(0, len(ids), MOST_IDS):
            for item in self._ask(ids[first : first + MOST_IDS]):
                found[item["item_id"]] = event_ms_of(item["version"])
        return found

    def _ask(self, ids: Sequence[str]) -> list[dict[str, object]]:
        try:
            self._connection.request("POST", "/v1/items:batch", json.dumps({"ids": list(ids)}), self._headers)
            reply = self._connection.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return []
        if reply.status != 200:
            raise RuntimeError(f"the lookup service answers {reply.status}: {body[:200]!r}")
        return list(json.loads(body)["items"])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Watch:
    """Sends events and sees them arrive."""

    def __init__(self, kafka: str, port: int, key: str) -> None:
        self._kafka, self._lookup = kafka, Lookup(port, key)
        self._waiting: dict[str, list[Watched]] = {}
        self._lock = threading.Lock()
        self._sent = threading.Event()

    def run(self, events: Sequence[Event], patience_s: float) -> list[Watched]:
        """Send all events, each when it is due, and wait until all that must be seen are, or `patience_s` after the last.

        Returns: all events, in the order sent. Errors: those of the broker.
        """
        self._sent.clear()
        sent: list[Watched] = []
        faults: list[BaseException] = []

        def send() -> None:
            try:
                self._send(events, sent)
            except BaseException as error:  # told in the caller's thread
                faults.append(error)
            finally:
                self._sent.set()

        sender = threading.Thread(target=send, name="sender")
        sender.start()
        self._see_all(patience_s)
        sender.join()
        if faults:
            raise faults[0]
        with self._lock:
            self._waiting.clear()
        return sent

    def close(self) -> None:
        """Close the connection."""
        self._lookup.close()

    def _send(self, events: Sequence[Event], sent: list[Watched]) -> None:
        producer = KafkaProducer(bootstrap_servers=self._kafka, acks="all", linger_ms=0)
        try:
            producer.partitions_for(ITEM_EVENTS)
            began_s = time.time()
            for event in events:
                due_s = began_s + event.due_s
                time.sleep(max(0.0, due_s - time.time()))
                sent.append(self._send_one(producer, event, due_s))
            producer.flush()
        finally:
            producer.close()

    def _send_one(self, producer: KafkaProducer, event: Event, due_s: float) -> Watched:
        now_ms = int(time.time() * 1000)
        watched = Watched(event, due_s, now_ms)
        moment = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds")
        if event.is_seen:
            with self._lock:
                self._waiting.setdefault(event.item_id, []).append(watched)
        value = json.dumps(event.listing | {"event_time": moment}).encode()
        producer.send(ITEM_EVENTS, key=event.item_id.encode(), value=value)
        return watched

    def _see_all(self, patience_s: float) -> None:
        deadline: float | None = None
        while True:
            began_s = time.time()
            ended = self._sent.is_set()
            with self._lock:
                ids = list(self._waiting)
            if ids:
                self._see(self._lookup.newest_ms(ids))
            elif ended:
                return
            if ended:
                deadline = deadline or began_s + patience_s
                if began_s > deadline:
                    return
            time.sleep(max(0.005, began_s + ASK_EVERY_S - time.time()))

    def _see(self, newest_ms: dict[str, int]) -> None:
        now_s = time.time()
        with self._lock:
            for item, event_ms in newest_ms.items():
                left = []
                for watched in self._waiting[item]:
                    if watched.event_ms <= event_ms:
                        watched.seen_s = now_s
                    else:
                        left.append(watched)
                if left:
                    self._waiting[item] = left
                else:
                    del self._waiting[item]
