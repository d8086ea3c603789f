"""Intake: bad listings become rejects with line and reason and stop nothing; one state an item."""

import json
import tracemalloc
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.tunnel.intake import ListingBatch, read_listings
from pipelines.tunnel.intake_read import MAX_LINE_BYTES, AbsentInput, EmptyInput, UnreadableInput
from schemas.listing import Listing
from schemas.shard import Reject, ShardItem

NOW_MS = 1_790_000_000_000
DEFAULT_MS = 1_700_000_000_000
GOOD = {"item_id": "good", "title": "Green tea"}


def write(path: Path, lines: list[Any]) -> Path:
    encoded = [
        line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode() for line in lines
    ]
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path


def read(*paths: Path, max_future_ms: int = 60_000) -> ListingBatch:
    return read_listings(paths, NOW_MS, DEFAULT_MS, max_future_ms)


def told(batch: ListingBatch) -> list[tuple[str, int | str]]:
    """Items as (id, event_ms), rejects as (reason, line)."""
    return [
        (entry.listing.item_id, entry.event_ms)
        if isinstance(entry, ShardItem)
        else (entry.reason, entry.line)
        for entry in batch
    ]


BAD_LINES: list[tuple[Any, str]] = [
    ({"item_id": "a", "title": 7}, "wrong_type"),
    ({"title": "no id"}, "missing_field"),
    ({"item_id": "", "title": "x"}, "empty"),
    ({"item_id": "a", "title": "x" * 4_001}, "too_long"),
    ({"item_id": "a", "title": "x", "description": "x" * 100_001}, "too_long"),
    (b'{"item_id": "a", "title": "\xff\xfe"}', "bad_utf8"),
    (b'{"item_id": "a", "title": "\\ud800"}', "bad_utf8"),
    (b'{"item_id": "a", "title": "x\x00"}', "nul_character"),
    (b'{"item_id": "a", "title": "x\\u0000"}', "nul_character"),
    ({"item_id": "a", "title": "x", "event_time": "2026-02-30T00:00:00Z"}, "bad_time"),
    ({"item_id": "a", "title": "x", "event_time": "2030-01-01T00:00:00Z"}, "time_in_future"),
    ({"item_id": "a", "title": "x", "event_time": "9999-12-31"}, "time_in_future"),
    (b"not json", "not_json"),
    (b'{"item_id": "a", "title": "x"', "not_json"),
    (b'{"item_id": "a", "title": "x", "price": NaN}', "not_json"),
    (b'{"item_id": "a", "title": "x", "price": 1' + b"0" * 5000 + b"}", "not_json"),
    (b"[" * 100_000, "not_json"),
    (b'["a"]', "wrong_type"),
    (b'"' + b"x" * MAX_LINE_BYTES + b'"', "line_too_long"),
    (b"\xff" * (3 * MAX_LINE_BYTES), "line_too_long"),
]


@pytest.mark.parametrize(
    ("line", "reason"), BAD_LINES, ids=[f"{i}-{reason}" for i, (_, reason) in enumerate(BAD_LINES)]
)
def test_a_bad_line_is_rejected_and_its_neighbours_are_not(tmp_path: Path, line: Any, reason: str) -> None:
    path = write(tmp_path / "in.jsonl", [GOOD, line, GOOD | {"item_id": "next"}])
    assert told(read(path)) == [("good", DEFAULT_MS), (reason, 2), ("next", DEFAULT_MS)]


def test_a_reject_can_be_traced_and_written_whatever_was_in_it(tmp_path: Path) -> None:
    path = write(
        tmp_path / "in.jsonl",
        [b'{"item_id": "sku-9", "title": "a\\u0000\\ud800"}', b'{"item_id": "b"}\xff\x00'],
    )
    first, second = [entry for entry in read(path) if isinstance(entry, Reject)]
    assert first == Reject(
        str(path),
        1,
        "sku-9",
        "nul_character",
        "title: NUL at character 1",
        '{"item_id": "sku-9", "title": "a\\u0000\\ud800"}',
    )
    assert second.item_id is None
    assert second.record == '{"item_id": "b"}\ufffd\ufffd'
    json.dumps([first.record, second.record]).encode()


def test_blank_lines_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"item_id": "a", "title": ""}\r\n\r\n  \n{"item_id": "b", "title": 1}\r\n')
    assert told(read(path)) == [("a", DEFAULT_MS), ("wrong_type", 4)]


def test_last_line_needs_no_line_end_and_unknown_fields_are_named(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"item_id": "a", "title": "", "z": 1}\n{"item_id": "b", "title": "", "colour": 1}')
    batch = read(path)
    assert [entry for entry, _ in told(batch)] == ["a", "b"]
    assert (batch.records, batch.unknown_fields) == (2, ("colour", "z"))


def test_event_time_is_kept_and_a_little_future_is_allowed(tmp_path: Path) -> None:
    rows = [
        GOOD | {"item_id": "old", "event_time": "2020-01-01T00:00:00+08:00"},
        GOOD | {"item_id": "soon", "event_time": "2026-09-21T14:14:20Z"},
        GOOD | {"item_id": "late", "event_time": "2026-09-21T14:14:20.001Z"},
    ]
    assert told(read(write(tmp_path / "in.jsonl", rows))) == [
        ("old", 1_577_808_000_000),
        ("soon", NOW_MS + 60_000),
        ("time_in_future", 3),
    ]


STATES = [
    ("2020-01-01T00:00:00Z", "oldest"),
    ("2024-01-01T00:00:00Z", "newest"),
    ("2024-01-01T00:00:00Z", "newest again"),
    (None, "default time, between"),
]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_of_one_item_the_newest_state_is_kept_and_of_equal_ones_the_first(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    rows = [{"item_id": "a", "title": STATES[i][1], "event_time": STATES[i][0]} for i in order]
    batch = read(write(tmp_path / "in.jsonl", [*rows, GOOD]))
    entries = list(batch)
    kept = [entry for entry in entries if isinstance(entry, ShardItem)]
    expected = next(row["title"] for row in rows if str(row["title"]).startswith("newest"))
    assert [entry.listing.title for entry in kept] == [expected, "Green tea"]
    assert [(e.reason, e.item_id) for e in entries if isinstance(e, Reject)] == [("duplicate_id", "a")] * 3


def test_a_broken_state_of_an_item_hides_no_good_one(tmp_path: Path) -> None:
    rows = [GOOD, {"item_id": "good", "title": 7, "event_time": "2025-01-01"}]
    assert told(read(write(tmp_path / "in.jsonl", rows))) == [("good", DEFAULT_MS), ("wrong_type", 2)]


def test_duplicates_are_found_across_files_and_folders_are_read_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "day"
    folder.mkdir()
    write(folder / "part-1.jsonl", [GOOD | {"item_id": "a"}])
    pq.write_table(pa.table({"item_id": ["b", "a"], "title": ["x", "y"]}), folder / "part-0.parquet")
    (folder / "_SUCCESS").touch()
    write(folder / ".part-1.jsonl", [GOOD])
    assert told(read(folder)) == [("b", DEFAULT_MS), ("a", DEFAULT_MS), ("duplicate_id", 1)]


def test_a_batch_may_be_read_again(tmp_path: Path) -> None:
    batch = read(write(tmp_path / "in.jsonl", [GOOD, GOOD, b"{"]))
    assert list(batch) == list(batch)
    assert len(list(batch)) == 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3), st.booleans()), min_size=1, max_size=25)
)
def test_agrees_with_a_naive_oracle(
    tmp_path_factory: pytest.TempPathFactory, states: list[tuple[str, int, bool]]
) -> None:
    lines: list[Any] = [
        {"item_id": i, "title": str(n), "event_time": f"2020-01-0{day + 1}"} if good else b"{"
        for n, (i, day, good) in enumerate(states)
    ]
    path = write(tmp_path_factory.mktemp("in") / "in.jsonl", lines)
    best: dict[str, tuple[int, int]] = {}
    for n, (item_id, day, good) in enumerate(states):
        if good and (item_id not in best or day > best[item_id][0]):
            best[item_id] = (day, n)
    kept = [int(entry.listing.title) for entry in read(path) if isinstance(entry, ShardItem)]
    assert kept == sorted(n for _, n in best.values())
    assert len(list(read(path))) == len(states)


def test_parquet_with_every_type_that_parquet_has_for_a_listing(tmp_path: Path) -> None:
    table = pa.table(
        {
            "item_id": pa.array(["a", "b"], pa.large_string()),
            "title": pa.array(["绿茶", "t"]).dictionary_encode(),
            "description": pa.array([None, "d"]),
            "attributes": pa.array(
                [[("净含量", "250克"), ("x", None)], None], pa.map_(pa.string(), pa.string())
            ),
            "image_urls": pa.array([["u"], None]),
            "price": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
            "event_time": pa.array([datetime(2020, 1, 1), None], pa.timestamp("us", "UTC")),
            "is_deleted": pa.array([None, True]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    first, second = list(read(tmp_path / "in.parquet"))
    assert isinstance(first, ShardItem)
    assert first.event_ms == 1_577_836_800_000
    assert first.listing == Listing(
        "a",
        "绿茶",
        attributes={"净含量": "250克"},
        image_urls=("u",),
        price=1.5,
        event_time="2020-01-01T00:00:00+00:00",
    )
    assert second == ShardItem(Listing("b", "t", "d", is_deleted=True), DEFAULT_MS)


def test_parquet_struct_attributes_days_and_missing_numbers(tmp_path: Path) -> None:
    table = pa.table(
        {
            "item_id": ["a"],
            "title": ["t"],
            "attributes": pa.array([{"size": "L", "colour": None}]),
            "price": pa.array([float("nan")]),
            "event_time": pa.array([date(2020, 1, 1)]),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    (entry,) = read(tmp_path / "in.parquet")
    assert isinstance(entry, ShardItem)
    assert entry == ShardItem(
        Listing("a", "t", attributes={"size": "L"}, event_time="2020-01-01"), 1_577_836_800_000
    )


def test_parquet_rows_are_rejected_one_by_one(tmp_path: Path) -> None:
    titles = pa.StringArray.from_buffers(
        3, pa.py_buffer(b"\x00\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0"), pa.py_buffer(b"a\xffc")
    )
    pq.write_table(pa.table({"item_id": ["a", "b", None], "title": titles}), tmp_path / "in.parquet")
    entries = list(read(tmp_path / "in.parquet"))
    assert told(read(tmp_path / "in.parquet")) == [("a", DEFAULT_MS), ("bad_utf8", 2), ("wrong_type", 3)]
    assert isinstance(entries[1], Reject)
    assert entries[1].item_id == "b"


def test_parquet_with_numbers_for_text_is_rejected_row_by_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": [1, 2], "title": ["x", "y"]}), tmp_path / "in.parquet")
    assert told(read(tmp_path / "in.parquet")) == [("wrong_type", 1), ("wrong_type", 2)]


def test_absent_file_empty_file_and_empty_folder_are_typed_errors(tmp_path: Path) -> None:
    with pytest.raises(AbsentInput, match=r"nowhere\.jsonl"):
        read(tmp_path / "nowhere.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n \n")
    with pytest.raises(EmptyInput, match=r"empty\.jsonl"):
        read(tmp_path / "empty.jsonl")
    pq.write_table(pa.table({"item_id": pa.array([], pa.string())}), tmp_path / "empty.parquet")
    with pytest.raises(EmptyInput):
        read(tmp_path / "empty.parquet")
    (tmp_path / "folder").mkdir()
    with pytest.raises(EmptyInput, match="folder"):
        read(tmp_path / "folder")


def test_broken_parquet_is_a_typed_error_before_the_first_listing(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"item_id": ["a"] * 50_000, "title": [str(n) for n in range(50_000)]}), path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(UnreadableInput, match=r"in\.parquet"):
        read(path)


def test_memory_stays_flat_for_a_large_file(tmp_path: Path) -> None:
    def peak(listings: int) -> int:
        path = tmp_path / f"{listings}.jsonl"
        with path.open("w") as file:
            for n in range(listings):
                file.write(
                    json.dumps({"item_id": f"sku-{n}", "title": "t", "description": "d" * 2_000}) + "\n"
                )
        tracemalloc.start()
        count = Counter(type(entry).__name__ for entry in read(path))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == {"ShardItem": listings}
        return used

    few, many = peak(1_000), peak(8_000)
    # 7,000 more listings are 14 MB of text; what is held of each is 24 bytes, and as much again while sorting.
    assert many - few < 7_000 * 250
