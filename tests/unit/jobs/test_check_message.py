"""What the two stream jobs make of an event whose category only one of them knows."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.nearline.operators import CHECKED, CheckMessage
from schemas.topics import DEFERRED_EVENTS, ITEM_EVENTS, topic_plan

NOW_MS = 1_790_000_000_000
LETTERS = topic_plan(ITEM_EVENTS).dead_letter


class Counted(Counter[str]):
    """Counters without a cluster."""

    def add(self, name: str, number: int = 1) -> None:
        self[name] += number


def check(reports: bool, event: dict[str, Any] | bytes, topic: str = ITEM_EVENTS) -> list[str]:
    """The topics of the rows that a message becomes in a job that knows the category `tea` alone."""
    made = CheckMessage(SimpleNamespace(priorities=("star",)), reports)  # type: ignore[arg-type]
    made._categories, made._counters = frozenset({"tea"}), Counted()  # type: ignore[assignment]
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    time = SimpleNamespace(to_epoch_milli=lambda: NOW_MS)
    return [row[0] for row in made.flat_map((b"i", body, topic, 0, 7, time))]


def event(category: str, **more: object) -> dict[str, Any]:
    return {"item_id": "i", "title": "a cup", "category_id": category, "event_time": "2026-09-01"} | more


def test_an_event_of_a_known_category_goes_on_in_both_jobs() -> None:
    assert [check(reports, event("tea")) for reports in (True, False)] == [[CHECKED], [CHECKED]]


@pytest.mark.parametrize(
    ("reports", "topic", "expected"),
    [
        (True, ITEM_EVENTS, [LETTERS]),  # it would be the fast tier's, and nobody else tells of it
        (
            False,
            ITEM_EVENTS,
            [DEFERRED_EVENTS],
        ),  # the other job may know the category, and left the item to this one
        (True, DEFERRED_EVENTS, []),  # it came undeferred, too, and was told then
    ],
)
def test_a_star_item_of_an_unknown_category_is_told_once_or_computed(
    reports: bool, topic: str, expected: list[str]
) -> None:
    assert check(reports, event("cups", priority="star"), topic) == expected


def test_what_the_other_job_computes_anyway_is_not_handed_over() -> None:
    assert check(False, event("cups")) == []
    assert check(False, b"{no json") == []


def test_other_faults_of_what_was_handed_over_are_told() -> None:
    assert check(True, b"{no json", DEFERRED_EVENTS) == [LETTERS]
