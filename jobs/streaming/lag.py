"""How many messages wait to be merged, looked at beside the work: a long batch must not look like none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from infra.kafka import KafkaUnavailable
from infra.kafka_log import KafkaLog, TopicMissing, open_log

LOG = logging.getLogger("aiic.merge.lag")
EVERY_S = 1.0
END_S = 2.0
Offsets = Mapping[int, int]


class LagWatch:
    """Tells every second how many messages of a topic lie beyond what was merged. Use as `with`.

    `merged`: by partition, the offset after the last merged message; None where that is not known yet. While the broker
    does not answer, nothing is told. `caught_up` is called once, when all is merged that lay there at the first look. Both are
    called from a thread of their own.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        merged: Callable[[], Offsets | None],
        tell: Callable[[float], None],
        caught_up: Callable[[], None],
    ) -> None:
        self._servers, self._topic, self._merged = servers, topic, merged
        self._tell, self._caught_up = tell, caught_up
        self._first: Mapping[tuple[str, int], int] | None = None
        self._is_behind = True
        self._ended = threading.Event()
        self._log: KafkaLog | None = None
        self._thread = threading.Thread(target=self._watch, name="lag", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(END_S)

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                self._look()
            except (KafkaUnavailable, TopicMissing):
                self._close()
            except Exception:  # clients raise more than they say; a look that fails must not be the last
                LOG.exception("the lag could not be looked at; looking again")
                self._close()
        self._close()

    def _look(self) -> None:
        self._log = self._log or open_log(self._servers, [self._topic])
        # First what was merged: what is merged in between is then counted once too often, never too seldom.
        merged, ends = self._merged(), self._log.ends()
        # A topic that ends before it did was made anew.
        is_anew = (
            any(end < self._first.get(place, 0) for place, end in ends.items()) if self._first else False
        )
        self._first = ends if self._first is None or is_anew else self._first
        if merged is None or self._ended.is_set():
            return
        self._tell(float(waiting(merged, ends)))
        if self._is_behind and not waiting(merged, self._first):
            self._is_behind = False
            self._caught_up()

    def _close(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            log.close()


def waiting(merged: Offsets, ends: Mapping[tuple[str, int], int]) -> int:
    """Messages beyond what was merged; of a partition of which nothing was merged, all, and so of one that was made anew.

    >>> waiting({0: 5, 1: 7}, {("t", 0): 8, ("t", 1): 7, ("t", 2): 4}), waiting({0: 900}, {("t", 0): 3})
    (7, 3)
    """
    return sum(
        end - at if (at := merged.get(partition, 0)) <= end else end for (_, partition), end in ends.items()
    )
