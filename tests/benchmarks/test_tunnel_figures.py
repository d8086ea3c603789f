"""The load and the sums of `make bench-tunnel`, without a stack: mix, transient states, who answered, the file in place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.tunnel.events import text_digest
from schemas.event import ItemEvent, listing_of
from schemas.parse import parse_record
from tests.benchmarks import tunnel_report as report
from tests.benchmarks.tunnel_events import (
    NEW,
    PRICE,
    WORDS,
    Event,
    Items,
    first_events,
    mixed_events,
    transient_events,
)
from tests.benchmarks.tunnel_latency import nearline_figures, own_s, realtime_figures
from tests.benchmarks.tunnel_servers import DISCRIMINATOR, ENCODER, Call, say_none
from tests.benchmarks.tunnel_watch import Watched
from udfs.prompts import Question, build_prompt
from udfs.replies import parse_reply


def text_of(event: Event) -> str:
    """What recognition sees of an event, checked against the topic's contract."""
    record = parse_record(ItemEvent, event.listing | {"event_time": "2026-11-01T08:00:00Z"})
    return text_digest(listing_of(record))


def test_every_twenty_events_have_the_mix_and_only_texts_that_changed_are_waited_for() -> None:
    items = Items("i", "star")
    first = first_events(items, 60, 10.0)
    events = list(mixed_events(items, 80.0, 5.0))
    for start in range(0, len(events), 20):
        kinds = Counter(event.kind for event in events[start : start + 20])
        assert kinds == {PRICE: 14, WORDS: 5, NEW: 1}
    texts: dict[str, str] = {}
    for event in [*first, *events]:
        text = text_of(event)
        assert (texts.get(event.item_id) != text) == event.is_seen
        texts[event.item_id] = text
    assert {event.listing["priority"] for event in events} == {"star"}
    assert [event.due_s for event in events[:3]] == [0.0, 0.2, 0.4]


def test_three_of_five_nearline_events_are_transient_and_their_items_end_in_one_window() -> None:
    items = Items("i", None)
    known = {event.item_id: text_of(event) for event in first_events(items, 240, 40.0)}
    events = transient_events(items, 60.0, 10.0, window_s=20.0)
    assert Counter(event.is_transient for event in events) == {True: 360, False: 240}
    assert [event.due_s for event in events] == sorted(event.due_s for event in events)
    episode: dict[str, list[Event]] = {}
    for event in events:
        episode.setdefault(event.item_id, []).append(event)
        if event.is_transient:
            continue
        states = episode.pop(event.item_id)
        assert states[-1].due_s - states[0].due_s < 0.6 * 20.0
        says_something_new = text_of(event) != known.get(event.item_id)
        assert {state.is_seen for state in states} == {says_something_new}
        known[event.item_id] = text_of(event)
    assert not episode


def watched(
    word: str, due_s: float, took_s: float | None, kind: str = WORDS, is_seen: bool = True
) -> Watched:
    event = Event(due_s, kind, {"item_id": word}, word, is_seen)
    return Watched(event, due_s, int(due_s * 1000), None if took_s is None else due_s + took_s)


def test_an_event_is_a_models_where_the_discriminator_was_asked_about_its_text_before_it_was_seen() -> None:
    sent = [
        watched("zua", 10.0, 2.0), watched("zub", 11.0, 0.5), watched("zuc", 12.0, None),
        watched("zud", 13.0, None, PRICE, is_seen=False),
    ]  # fmt: skip
    calls = [
        Call(DISCRIMINATOR, 10.5, 11.0, "x zua y"), Call(DISCRIMINATOR, 10.75, 11.25, "zua"),
        Call(DISCRIMINATOR, 9.0, 9.5, "zua"), Call(DISCRIMINATOR, 12.5, 13.0, "zua"), Call(ENCODER, 11.0, 11.25, "zub"),
    ]  # fmt: skip
    assert own_s(sent[0], calls) == 0.75
    found = realtime_figures(sent, calls, 20.0)
    wanted = {
        "realtime_events": 4, "realtime_events_model": 1, "realtime_events_pruned": 1, "realtime_unanswered": 1,
        "realtime_p99_pruned_s": 0.5, "realtime_p99_model_s": 2.0, "realtime_model_own_p99_s": 0.75,
        "realtime_model_own_share": 0.375, "realtime_events_price": 1, "realtime_p50_s": 2.0,
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    near = nearline_figures(sent, calls, 20.0)
    assert (near["nearline_calls_per_event"], near["nearline_encoder_calls_per_event"]) == (1.25, 0.25)
    assert near["nearline_unanswered"] == 1


def test_the_stand_in_answers_prompts_as_the_discriminator_must() -> None:
    questions = [
        Question("c", "Color", "the visible color", ("red", "blue"), True), Question("n", "Net: wt", "", ("1",), False),
    ]  # fmt: skip
    asked = questions[:1] * 2
    assert parse_reply(say_none(build_prompt("red: a cup", "own: x", asked)), asked) == [(), ()]


def test_the_file_is_brought_up_to_date_part_by_part(tmp_path: Path) -> None:
    path = tmp_path / "tunnel.json"
    hudi: dict[str, Any] = {"hudi_p99_s": 12.0, "hudi_rows_per_s": 1000.0, "hudi_commits": 9}
    report.update("hudi", hudi, {"model": "m"}, path)
    report.update("commits", {"commit_ratio_large_small": 1.6}, {}, path)
    report.update("hudi", {"hudi_p99_s": 31.0, "hudi_rows_per_s": 1000.0}, {"model": "n"}, path)
    found = json.loads(path.read_text("utf-8"))
    assert (found["hudi_p99_s"], found["commit_ratio_large_small"]) == (31.0, 1.6)
    assert "hudi_commits" not in found
    assert found["parts"]["hudi"]["model"] == "n"
    lines = {line.split()[0]: line.split()[-1] for line in report.table(found).splitlines()}
    assert (lines["hudi_p99_s"], lines["hudi_rows_per_s"], lines["commit_ratio_large_small"]) == (
        "no",
        "yes",
        "no",
    )
    assert lines["realtime_p50_s"] == "measured"
    report.failed("hudi", "no broker", {}, path)
    found = json.loads(path.read_text("utf-8"))
    assert "hudi_p99_s" not in found
    assert "hudi: not measured: no broker" in report.table(found)
    with pytest.raises(KeyError, match="lookup_p99_ms"):
        report.update("lookup", {"lookup_items_per_s": 1}, {}, path)


def test_what_nearline_must_reach_follows_its_window() -> None:
    figure = report.FIGURES["nearline"][0]
    found = {"nearline_p99_s": 49.0, "nearline_window_s": 20, "parts": {}}
    assert report.reached(figure, found) == "yes"
    assert report.reached(figure, found | {"nearline_window_s": 10}) == "no"
