"""The merge's lag: told beside the work, of what the broker holds beyond what was merged."""

from __future__ import annotations

import doctest
import threading

import pytest

from infra.kafka import KafkaUnavailable
from jobs.streaming import lag
from jobs.streaming.lag import LagWatch, waiting


class Log:
    """Ends that grow by two messages a look, and a broker that is away at the second."""

    def __init__(self) -> None:
        self.looks = 0
        self.closed = False

    def ends(self):
        self.looks += 1
        if self.looks == 2:
            raise KafkaUnavailable("away")
        return {("results", 0): 10 + 2 * self.looks, ("results", 1): 5}

    def close(self):
        self.closed = True


def test_it_counts_what_was_not_merged():
    assert doctest.testmod(lag).failed == 0
    assert waiting({0: 9}, {("t", 0): 4}) == 0
    assert waiting({}, {}) == 0


def test_it_tells_while_a_batch_is_at_work_and_goes_on_when_the_broker_is_back(
    monkeypatch: pytest.MonkeyPatch,
):
    log, told, enough = Log(), [], threading.Event()
    merged = iter([None, {0: 10}, {0: 10}, {0: 14, 1: 5}])

    def tell(messages: float) -> None:
        told.append(messages)
        if len(told) == 2:
            enough.set()

    monkeypatch.setattr(lag, "EVERY_S", 0.01)
    monkeypatch.setattr(lag, "open_log", lambda servers, topics: log)
    with LagWatch("servers", "results", lambda: next(merged, {0: 100, 1: 100}), tell):
        assert enough.wait(10)
    # Nothing is known, two more and all of the other partition, the broker is away, two beyond.
    assert told[:2] == [2 + 5, 2.0]
    assert log.closed
