"""What foreachBatch does with one batch of messages, and what happens to files between the batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

import jobs.streaming.handler
from infra.hudi_reading import commits
from infra.merge_state import MergeState
from jobs.streaming.files import FileQueue
from jobs.streaming.handler import LONGEST_KEY, BatchHandler, Stopping, messages_of
from jobs.streaming.writer import Writer, WriterSettings, state_folder
from pipelines.tunnel.merge import MergedFiles
from pipelines.tunnel.merge_intake import IntakeLimits, RawMessage
from pipelines.tunnel.merge_stream import MergeStatus
from schemas.dead_letter import MAX_RAW_BYTES, DeadLetter
from schemas.derive import parse_record, record_to_arrow
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults
from tests.spark.conftest import SMALL, table_rows
from tests.unit.pipelines.tunnel.knowledge_rows import knowledge_row
from udfs.version import settle

NOW_MS = 1_790_000_000_000
LIMITS = IntakeLimits(message_bytes=200_000)
SCHEMA = "topic string, partition int, offset bigint, timestamp timestamp, key binary, value binary"


@dataclass
class Dead:
    """A dead-letter topic in memory."""

    letters: list[DeadLetter] = field(default_factory=list)

    def send(self, messages: list[tuple[str, bytes]]) -> None:
        self.letters += [parse_record(DeadLetter, orjson.loads(value)) for _, value in messages]


class Stream:
    """The merge without its broker."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.table = spark, folder / "item_knowledge"
        self.state = MergeState.open(state_folder(self.table))
        settings = WriterSettings(replace(SMALL, compact_after=0))
        self.writer = Writer(spark, self.table, self.state, lambda changes: None, settings)
        self.writer.recover()
        self.files = FileQueue(self.state, self.table, 5, LIMITS)
        self.dead, self.status, self.stop = Dead(), MergeStatus(), threading.Event()
        self.handler = BatchHandler(
            self.writer,
            self.files,
            self.dead,
            self.status,
            LIMITS,
            threading.Lock(),
            self.stop,
            lambda: NOW_MS,
        )  # type: ignore[arg-type]

    def batch(self, *messages: tuple[bytes | None, bytes | None]) -> None:
        rows = [
            ("results", 0, offset, (NOW_MS - 1000) / 1000, key and bytearray(key), value and bytearray(value))
            for offset, (key, value) in enumerate(messages)
        ]
        plain = SCHEMA.replace("timestamp timestamp", "seconds double")
        frame = self.spark.createDataFrame(rows, plain).selectExpr(
            "*", "timestamp_seconds(seconds) AS timestamp"
        )
        self.handler(frame, 1)


@pytest.fixture
def stream(spark: SparkSession, tmp_path: Path) -> Iterator[Stream]:
    made = Stream(spark, tmp_path)
    yield made
    made.state.close()


def message(*rows: KnowledgeRow) -> tuple[bytes, bytes]:
    item = rows[0].item_id
    results = KnowledgeResults(item, "tea", max(row.event_ms for row in rows), "realtime", "run", rows)
    return item.encode(), orjson.dumps(results)


def pointer(*paths: Path) -> tuple[bytes, bytes]:
    names = tuple(map(str, paths))
    return b"run-1", orjson.dumps(KnowledgeResults("", "", NOW_MS, "offline", "run-1", (), names))


def row(item: str, attr: str, at_ms: int, text: str = "loose leaf", category: str = "tea") -> KnowledgeRow:
    return knowledge_row(item, attr, 0, text, category, event_ms=NOW_MS - 100_000 + at_ms)


def test_good_late_repeated_and_bad_messages_in_one_batch(stream: Stream) -> None:
    good = [row("茶", "form", 1), row("茶", "origin", 1), row("j", "form", 5), row("j", "form", 4, "late")]
    moved = row("茶", "volume", 2, category="cup")
    huge = b"[" + b"1," * 150_000 + b"1]"
    stream.batch(
        message(*good[:2]),
        (b"x", b"no json"),
        message(good[2]),
        message(good[3]),
        message(good[2]),
        message(row("ahead", "form", 1_000_000)),
        (b"wrong", message(row("k", "form", 1))[1]),
        (b"huge", huge),
        (None, None),
        message(moved),
    )
    expected = settle([*good, moved])
    assert table_rows(stream.spark, stream.table) == expected
    assert expected["茶", "form"].is_deleted
    reasons = [(letter.offset, letter.reason) for letter in stream.dead.letters]
    assert reasons == [(1, "not_json"), (5, "future"), (6, "wrong_key"), (7, "too_large"), (8, "no_value")]
    assert stream.dead.letters[3].raw_bytes == len(huge) > MAX_RAW_BYTES
    told = stream.status.told()
    assert (told["rows_read"], told["commits"]) == (6, 1)
    assert told["freshness_s"] == {"realtime": {"p50": 1.0, "p99": 1.0, "max": 1.0}}


def test_long_messages_are_merged_in_portions_of_bounded_size(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def counted(frame: DataFrame, limits: IntakeLimits) -> list[RawMessage]:
        found = messages_of(frame, limits)
        taken.append(sum(len(one.value or b"") for one in found))
        assert all(len(one.key or b"") <= LONGEST_KEY for one in found)
        return found

    monkeypatch.setattr(jobs.streaming.handler, "messages_of", counted)
    stream.handler._at_once_bytes = 120_000
    rows = [row(f"i{number}", "form", number, "long " * 10_000) for number in range(5)]
    huge = b"[" + b"1," * 150_000 + b"1]"
    spoiled = [
        (b"x", b"no json"),
        (b"k" * 100_000, message(row("k", "form", 1))[1]),
        (b"huge", huge),
        (None, None),
    ]
    stream.batch(*spoiled, *map(message, rows))
    assert table_rows(stream.spark, stream.table) == settle(rows)
    assert [letter.reason for letter in stream.dead.letters] == [
        "not_json",
        "wrong_key",
        "too_large",
        "no_value",
    ]
    sizes = [len(message(one)[1]) for one in rows]
    assert len(taken) > 3 and max(taken) <= max(120_000, *sizes)
    # Nothing is read twice, and nothing is left out.
    assert sum(taken) == sum(sizes) + len(b"no json") + len(spoiled[1][1] or b"") + MAX_RAW_BYTES


def test_a_batch_that_comes_again_makes_no_commit(stream: Stream) -> None:
    for _ in range(2):
        stream.batch(message(row("i", "form", 1)), message(row("j", "form", 1)))
    assert len(commits(stream.table)) == 1


def test_a_batch_of_bad_messages_makes_no_table(stream: Stream) -> None:
    stream.batch((b"x", b"{}"))
    assert [letter.reason for letter in stream.dead.letters] == ["missing_field"]
    assert not (stream.table / ".hoodie").exists()


def test_no_batch_begins_while_the_merge_ends(stream: Stream) -> None:
    stream.stop.set()
    with pytest.raises(Stopping):
        stream.batch(message(row("i", "form", 1)))
    assert not (stream.table / ".hoodie").exists()


def test_files_are_merged_slice_by_slice_between_the_batches(stream: Stream, tmp_path: Path) -> None:
    rows = [row(f"i{number}", "form", 1) for number in range(14)]
    large, small, ahead = (tmp_path / f"{name}.parquet" for name in ("large", "small", "ahead"))
    for path, given in ((large, rows[:12]), (small, rows[12:]), (ahead, [row("x", "form", 1_000_000)])):
        pq.write_table(record_to_arrow(given, KnowledgeRow), path)
    newer = row("i1", "form", 2, "newer")
    stream.batch(pointer(large, ahead, tmp_path / "absent.parquet", small))
    letter = stream.dead.letters[0]
    assert (letter.reason, letter.detail.split(":")[0]) == ("future", "2 of 4 files")
    read = []
    while (merged := stream.files.merge_slice(stream.writer)) is not None:
        read.append(merged.read)
        if len(read) == 1:
            stream.batch(message(newer))  # the stream goes on while files wait
            assert MergedFiles(stream.table).without([large], lambda: commits(stream.table)) == [large]
    assert read == [5, 5, 4]
    assert table_rows(stream.spark, stream.table) == settle([*rows, newer])
    note = MergedFiles(stream.table)
    assert note.without([large, small], lambda: commits(stream.table)) == []
    assert note.counts([large, small]) == (14, 14)
    assert stream.state.waiting_files() == 0
    stream.batch(pointer(small))
    stream.files.merge_slice(stream.writer)
    assert table_rows(stream.spark, stream.table) == settle([*rows, newer])


def test_a_file_that_vanished_holds_up_no_other(stream: Stream, tmp_path: Path) -> None:
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path in files:
        pq.write_table(record_to_arrow([row(path.stem, "form", 1)], KnowledgeRow), path)
    stream.batch(pointer(*files))
    files[0].unlink()
    while stream.files.merge_slice(stream.writer) is not None:
        pass
    assert set(table_rows(stream.spark, stream.table)) == {("b", "form")}
    assert stream.state.waiting_files() == 0
