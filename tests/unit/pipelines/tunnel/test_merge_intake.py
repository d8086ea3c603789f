"""Messages of item-knowledge.results: what the merge takes, and the reason of what it refuses."""

from __future__ import annotations

import base64
from dataclasses import replace

import orjson
import pytest

from infra.change_topic import MAX_MESSAGE_BYTES
from pipelines.tunnel.merge_intake import IntakeLimits, RawMessage, dead_letter, read_results
from pipelines.tunnel.merge_stream import MergeStatus, prometheus, sort_out
from schemas.change import Change
from schemas.dead_letter import MAX_RAW_BYTES, DeadLetter
from schemas.derive import BadRecord, parse_record, to_mapping
from schemas.results import KnowledgeResults
from schemas.topics import CHANGES, topic_plan
from tests.unit.pipelines.tunnel.knowledge_rows import knowledge_row

NOW_MS = 1_790_000_000_000
LIMITS = IntakeLimits(future_ms=300_000, message_bytes=1_000_000)
ROW = knowledge_row("sku-1", "form", NOW_MS)
GOOD = KnowledgeResults("sku-1", "tea", NOW_MS, "nearline", "run", (ROW,))
FILES = KnowledgeResults("", "", NOW_MS, "offline", "run-7", (), ("/a.parquet",))


def message(results=GOOD, key=b"sku-1", value=None, time_ms=NOW_MS, offset=0, size=None):
    value = orjson.dumps(results) if value is None else value
    return RawMessage(
        "item-knowledge.results", 0, offset, time_ms, key, value, len(value) if size is None else size
    )


def with_rows(*rows):
    return replace(GOOD, rows=tuple(rows))


AHEAD = knowledge_row("sku-1", "form", NOW_MS + 300_001)
BAD = {
    "not_json": message(value=b"{'item_id'"),
    "bad_utf8": message(value=b'{"item_id":"\xff"}'),
    "wrong_type": message(value=b"[1]"),
    "missing_field": message(value=b"{}"),
    "not_in_enum": message(value=orjson.dumps(to_mapping(GOOD) | {"tier": "weekly"})),
    "out_of_range": message(value=orjson.dumps(to_mapping(GOOD) | {"event_ms": -1})),
    "wrong_key": message(key=b"sku-2"),
    "no_key": message(key=None),
    "future_time": message(with_rows(ROW, AHEAD)),
    "future_version": message(with_rows(replace(ROW, version=AHEAD.version))),
    "future_of_its_own_message": message(time_ms=NOW_MS - 300_001),
    "rows_of_another": message(with_rows(replace(ROW, item_id="sku-2"))),
    "no_rows": message(with_rows()),
    "rows_and_files": message(replace(GOOD, files=("/a",))),
    "too_large": message(size=1_000_001),
    "tombstone": replace(message(), value=None, value_bytes=0),
}
REASONS = {
    "bad_utf8": "not_json",
    "no_key": "wrong_key",
    "future_time": "future",
    "future_version": "future",
    "future_of_its_own_message": "future",
    "rows_of_another": "mixed",
    "no_rows": "mixed",
    "rows_and_files": "mixed",
    "tombstone": "no_value",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_has_its_reason(name):
    with pytest.raises(BadRecord) as refused:
        read_results(BAD[name], NOW_MS, LIMITS)
    assert refused.value.reason == REASONS.get(name, name)


def test_good_messages_are_read_whole():
    assert read_results(message(), NOW_MS, LIMITS) == GOOD
    assert read_results(message(FILES, key=b"run-7"), NOW_MS, LIMITS) == FILES
    just = with_rows(knowledge_row("sku-1", "form", NOW_MS + 300_000))
    assert read_results(message(just), NOW_MS, LIMITS) == just
    accent = replace(GOOD, item_id="茶", rows=(knowledge_row("茶", "form", NOW_MS),))
    assert read_results(message(accent, key="茶".encode()), NOW_MS, LIMITS) == accent


def test_a_producer_whose_clock_is_ahead_cannot_date_its_rows_ahead():
    late = message(with_rows(AHEAD), time_ms=NOW_MS + 10_000_000)
    with pytest.raises(BadRecord, match="future"):
        read_results(late, NOW_MS, LIMITS)


def test_bad_ones_are_sorted_out_and_stop_nothing():
    given = [message(offset=0), *BAD.values(), message(FILES, key=b"run-7"), message(offset=9)]
    found = sort_out(given, NOW_MS, LIMITS)
    assert found.rows == [ROW, ROW]
    assert found.arrivals == [("nearline", NOW_MS)] * 2
    assert [results for _, results in found.pointers] == [FILES]
    assert [letter.reason for letter in found.refused] == [REASONS.get(name, name) for name in BAD]


def test_a_dead_letter_keeps_the_beginning_and_obeys_its_contract():
    long = RawMessage("t", 1, 2, NOW_MS, "é".encode() * 600, b"x" * (MAX_RAW_BYTES + 10), MAX_RAW_BYTES + 10)
    letter = dead_letter(long, "too_large", "y" * 5_000)
    assert parse_record(DeadLetter, orjson.loads(orjson.dumps(letter))) == letter
    assert base64.b64decode(letter.raw) == b"x" * MAX_RAW_BYTES
    assert (letter.raw_bytes, letter.partition, letter.offset) == (MAX_RAW_BYTES + 10, 1, 2)
    assert dead_letter(RawMessage("t", 0, 0, -1, None, None, 0), "no_value", "").key is None


def test_the_page_counts_dead_letters_and_freshness():
    status = MergeStatus()
    status.refused([dead_letter(message(), reason, "") for reason in ("future", "future", "not_json")])
    from pipelines.tunnel.merge import MergeResult

    status.merged(MergeResult(3, 2, 2, 1, "c"), [("nearline", NOW_MS - 4_000), ("realtime", NOW_MS)], NOW_MS)
    told = status.told()
    assert told["dead_letters"] == {"future": 2, "not_json": 1}
    assert told["freshness_s"]["nearline"] == {"p50": 4.0, "p99": 4.0, "max": 4.0}
    page = prometheus(told)
    assert 'aiic_merge_dead_letters_total{reason="future"} 2\n' in page
    assert 'aiic_merge_freshness_seconds{tier="nearline",quantile="0.99"} 4.000\n' in page
    assert "aiic_merge_rows_written 2\n" in page


def test_the_largest_row_that_is_taken_fits_a_change_before_and_after():
    """The merge would try for ever to publish a change that is too long for its topic."""
    spare = IntakeLimits().message_bytes - len(
        orjson.dumps(with_rows(knowledge_row("sku-1", "form", NOW_MS, "")))
    )
    row = knowledge_row("sku-1", "form", NOW_MS, "x" * (spare // 3 - 9))
    taken = message(with_rows(row))
    assert IntakeLimits().message_bytes - 100 < len(taken.value) <= IntakeLimits().message_bytes
    assert read_results(taken, NOW_MS, IntakeLimits()).rows == (row,)
    change = orjson.dumps(Change("sku-1", "form", "2" * 17, 2**63 - 1, row, row))
    assert len(change) < 0.9 * min(topic_plan(CHANGES).max_message_bytes, MAX_MESSAGE_BYTES)
