"""The merge's lag: told beside the work, of what the broker holds beyond what was merged."""

from __future__ import annotations

import doctest
import threading

import pytest

from infra.kafka import KafkaUnavailable
from jobs.streaming import lag
from jobs.streaming.lag import LagWatch, waiting


class Log:
    """Ends that grow by two messages a look, and a broker that is away at the third."""

    def __init__(self) -> None:
        self.looks = 0
        self.closed = False

    def ends(self):
        self.looks += 1
        if self.looks == 3:
            raise KafkaUnavailable("away")
        return {("results", 0): 10 + 2 * self.looks, ("results", 1): 5}

    def close(self):
        self.closed = True


def test_it_counts_what_was_not_merged():
    assert doctest.testmod(lag).failed == 0
    assert waiting({}, {}) == 0


def test_it_tells_while_a_batch_is_at_work_and_goes_on_when_the_broker_is_back(
    monkeypatch: pytest.MonkeyPatch,
):
    log, told, caught, enough = Log(), [], [], threading.Event()
    merged = iter([None, {0: 11, 1: 5}, {0: 11}, {0: 12, 1: 5}])

    def tell(messages: float) -> None:
        told.append(messages)
        if len(told) == 3:
            enough.set()

    monkeypatch.setattr(lag, "EVERY_S", 0.01)
    monkeypatch.setattr(lag, "open_log", lambda servers, topics: log)
    with LagWatch(
        "servers", "results", lambda: next(merged, {0: 18, 1: 5}), tell, lambda: caught.append(len(told))
    ):
        assert enough.wait(10)
    # Nothing is known (12 and 5 lie there), three more, the broker is away, six beyond, two.
    assert told[:3] == [3.0, 6.0, 2.0]
    # All that lay there at the first look is merged, and that is told once.
    assert caught == [2]
    assert log.closed
