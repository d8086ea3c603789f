"""What operators see, from what parts say: counters sorted, dead letters counted, freshness by tier, Prometheus' text."""

from __future__ import annotations

import json

import pytest

from pipelines.tunnel.operations import DOWN, UP, Part, Sample, page, samples_of
from pipelines.tunnel.operations_samples import Freshness, Letters, daily_samples, stream_samples
from schemas.change import Change
from schemas.contract import contract_of
from schemas.report import RunReport
from schemas.results import KnowledgeResults
from schemas.topics import CHANGES, RESULTS

EVENT_MS = 1_790_000_000_000


def told(samples: list[Sample]) -> dict[tuple[str, ...], float]:
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in samples}


def results(tier: str, event_ms: int, files: bool = False) -> bytes:
    body = dict(contract_of(KnowledgeResults).valid.value) | {"tier": tier, "event_ms": event_ms}
    return json.dumps(body | ({"rows": [], "item_id": "", "files": ["a"]} if files else {})).encode()


def change(tier: str, event_ms: int, again: bool = False) -> bytes:
    body = dict(contract_of(Change).valid.value)
    after = dict(body["after"])
    after |= {"event_ms": event_ms, "provenance": dict(after["provenance"]) | {"tier": tier}}
    return json.dumps(body | {"after": after, "before": after if again else None}).encode()


def test_a_jobs_counters_are_sorted_into_items_tokens_pairs_and_refusals() -> None:
    counters = {
        "coalesced": 7, "remembered": 2, "refused_not_json": 3, "usage_prompt_tokens": 500, "usage_cached_tokens": 300,
        "usage_completion_tokens": 20, "usage_ranker": 90, "usage_lent": 4,
    }  # fmt: skip
    assert told(stream_samples("realtime", counters)) == {
        ("aiic_stream_items_total", "coalesced", "realtime"): 7,
        ("aiic_stream_items_total", "remembered", "realtime"): 2,
        ("aiic_stream_refused_total", "not_json", "realtime"): 3,
        ("aiic_stream_tokens_total", "prompt", "realtime"): 500,
        ("aiic_stream_tokens_total", "cached", "realtime"): 300,
        ("aiic_stream_tokens_total", "generated", "realtime"): 20,
        ("aiic_stream_pairs_total", "ranker", "realtime"): 90,
        ("aiic_stream_pairs_total", "lent", "realtime"): 4,
    }


def test_a_daily_run_by_its_report() -> None:
    report = dict(contract_of(RunReport).valid.value)
    found = told(daily_samples(report, int(report["finished_ms"]) + 90_000))
    assert found["aiic_daily_age_seconds",] == 90
    assert found["aiic_daily_seconds",] == 60
    assert found["aiic_daily_items", "listings_read"] == 100
    assert found["aiic_daily_tokens", "cached"] == 9_000
    assert found["aiic_daily_pairs", "discriminator"] == 90


def test_dead_letters_by_topic_and_reason_and_what_is_no_letter() -> None:
    letters = Letters()
    letter = {"topic": "item-events", "reason": "future", "detail": "x"}
    for value in (json.dumps(letter).encode(), json.dumps(letter).encode(), b"{", None, b"[1]"):
        letters.add(value)
    assert told(letters.samples()) == {
        ("aiic_dead_letters", "future", "item-events"): 2,
        ("aiic_dead_letters", "not_a_letter", "?"): 3,
    }


def test_freshness_is_from_the_events_own_time_by_tier_and_place() -> None:
    fresh = Freshness()
    for seconds in (1, 2, 9):
        fresh.add(RESULTS, results("realtime", EVENT_MS), EVENT_MS + seconds * 1000)
    fresh.add(CHANGES, change("nearline", EVENT_MS), EVENT_MS + 70_000)
    fresh.add(
        CHANGES, change("nearline", EVENT_MS, again=True), EVENT_MS + 900_000
    )  # nothing new became visible
    fresh.add(RESULTS, results("offline", EVENT_MS, files=True), EVENT_MS + 1)
    fresh.add(RESULTS, b"not json", EVENT_MS)
    fresh.add(CHANGES, b'{"before": null, "after": {}}', EVENT_MS)
    fresh.add(RESULTS, results("realtime", EVENT_MS + 99_000), EVENT_MS + 10_000)  # a clock that is ahead
    assert told(fresh.samples(EVENT_MS + 100_000)) == {
        ("aiic_freshness_seconds", "lookup", "0.5", "realtime"): 2,
        ("aiic_freshness_seconds", "lookup", "0.99", "realtime"): 9,
        ("aiic_freshness_seconds", "lookup", "1", "realtime"): 9,
        ("aiic_newest_age_seconds", "lookup", "realtime"): 90,
        ("aiic_freshness_seconds", "table", "0.5", "nearline"): 70,
        ("aiic_freshness_seconds", "table", "0.99", "nearline"): 70,
        ("aiic_freshness_seconds", "table", "1", "nearline"): 70,
        ("aiic_newest_age_seconds", "table", "nearline"): 30,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"tier": "x" * 500},
        {"tier": ["nearline"]},
        {"event_ms": "9" * 400},
        {"event_ms": 1e308},
        {"event_ms": None},
    ],
)
def test_a_strangers_message_is_no_freshness_and_stops_no_look(change: dict[str, object]) -> None:
    fresh = Freshness()
    spoiled = json.loads(results("nearline", EVENT_MS)) | change
    fresh.add(RESULTS, json.dumps(spoiled).encode(), EVENT_MS)
    assert fresh.samples(EVENT_MS) == []


def test_the_page_has_each_metric_once_with_its_words() -> None:
    lag = [
        Sample("aiic_lag_messages", n, {"reader": "merge", "topic": t}) for n, t in ((3, "a"), (0.5, 'b"\n'))
    ]
    text = page(samples_of([Part("merge", UP, samples=lag), Part("kafka", DOWN)], 12_500))
    assert [line for line in text.splitlines() if not line.startswith("# HELP")] == [
        "# TYPE aiic_part_up gauge",
        'aiic_part_up{part="merge"} 1',
        'aiic_part_up{part="kafka"} 0',
        "# TYPE aiic_look_timestamp_seconds gauge",
        "aiic_look_timestamp_seconds 12.5",
        "# TYPE aiic_lag_messages gauge",
        'aiic_lag_messages{reader="merge",topic="a"} 3',
        'aiic_lag_messages{reader="merge",topic="b\\"\\n"} 0.5',
    ]


def test_a_metric_without_a_plan_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="aiic_new"):
        Sample("aiic_new", 1.0)
