"""The streaming merge's writer on a real Hudi table: table = state = replayed changes = `settle`, wherever it was cut off."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from infra.hudi import read_table
from infra.hudi_reading import commits, write_note, writes
from infra.merge_state import MergeState, PendingChange
from jobs.batch.merge import merge_rows
from jobs.streaming.writer import SPOOL_NOTE, Writer, WriterSettings, state_folder
from pipelines.tunnel.changes import replay
from pipelines.tunnel.store_codec import row_of
from schemas.change import Change
from schemas.derive import parse_record
from schemas.knowledge import KnowledgeRow
from tests.spark.conftest import SMALL, by_key, frame, knowledge_row, spark_rows, table_rows
from tests.spark.histories import FEW_HISTORIES, SIXTY_ITEMS, history
from udfs.version import settle

SETTINGS = WriterSettings(replace(SMALL, compact_after=0), compact_every=3, compact_io_mb=1)


class Killed(RuntimeError):
    """Stands for kill -9: whatever should come next does not."""


class Topic:
    """A topic that keeps what arrives; told to, it dies after so many messages."""

    def __init__(self) -> None:
        self.messages: list[Change] = []
        self.left: int | None = None

    def __call__(self, changes: Sequence[PendingChange]) -> None:
        for change in changes:
            if self.left == 0:
                raise Killed
            self.left = None if self.left is None else self.left - 1
            self.messages.append(parse_record(Change, orjson.loads(change.message)))

    def newest(self) -> dict[str, object] | None:
        last = max(self.messages, key=lambda change: change.sequence, default=None)
        return last and {
            "item_id": last.item_id,
            "attr_id": last.attr_id,
            "commit": last.commit,
            "sequence": last.sequence,
        }


class Bench:
    """One table with its writer and topic; `restart` is a new process with what is on disk."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self.spark, self.table, self.topic = spark, folder / "item_knowledge", Topic()
        self.state: MergeState | None = None
        self.restart()

    def restart(self) -> int:
        if self.state is not None:
            self.state.close()
        self.topic.left = None
        self.state = MergeState.open(state_folder(self.table))
        self.writer = Writer(self.spark, self.table, self.state, self.topic, SETTINGS, self.topic.newest())
        return self.writer.recover()

    def check(self, rows: Sequence[KnowledgeRow]) -> None:
        """Table, state and replayed changes are what the rows settle in, and no change's number is lost."""
        assert self.state is not None
        expected = settle(rows)
        assert table_rows(self.spark, self.table) == expected
        assert by_key([row_of(text) for text in self.state.all_rows()]) == expected
        assert replay(self.topic.messages) == expected
        numbers = sorted({change.sequence for change in self.topic.messages})
        assert numbers == list(range(len(numbers)))


@pytest.fixture
def bench(spark: SparkSession, tmp_path: Path):  # type: ignore[no-untyped-def]
    made = Bench(spark, tmp_path)
    yield made
    assert made.state is not None
    made.state.close()


@FEW_HISTORIES
@given(items=SIXTY_ITEMS, chance=st.randoms(use_true_random=False))
def test_any_history_by_stream_and_batch_ends_in_one_state_everywhere(
    spark, tmp_path_factory, items, chance
) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("writer")
    rows, arrivals = history(items, chance)
    quarter = len(arrivals) // 4
    bench = Bench(spark, folder)
    bench.writer.merge(arrivals[:quarter])
    bench.writer.merge(arrivals[quarter : 2 * quarter])
    # A batch run merges by itself while no stream runs; the next start catches up, commit by commit.
    merge_rows(spark, frame(spark, arrivals[2 * quarter : 3 * quarter], folder), bench.table, settings=SMALL)
    merge_rows(spark, frame(spark, arrivals[3 * quarter :], folder), bench.table, settings=SMALL)
    bench.restart()
    bench.check(rows)
    assert spark_rows(read_table(spark, bench.table)) == settle(rows)
    before = commits(bench.table)
    assert bench.writer.merge(rows).commit is None
    assert commits(bench.table) == before
    bench.state.close()  # type: ignore[union-attr]


FIRST = [knowledge_row(f"i{number}", attr, 1) for number in range(6) for attr in ("form", "origin")]
SECOND = [
    *[knowledge_row(f"i{number}", "form", 2, "newer") for number in range(4)],
    knowledge_row("i5", "volume", 2, category="cup"),
    knowledge_row("n", "form", 2),
]


def die(*_: object, **__: object) -> None:
    raise Killed


def cut_before_the_commit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.streaming.writer.upsert", die)


def cut_between_commit_and_state(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.state, "apply", die)


def cut_between_commit_and_state_without_its_spool(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object, **__: object) -> None:
        shutil.rmtree(state_folder(bench.table) / "spool")
        raise Killed

    monkeypatch.setattr(bench.state, "apply", lose)


def cut_before_publication(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.topic.left = 0


def cut_within_publication(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.topic.left = 3


def cut_before_publication_is_noted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.state, "published", die)


CUTS = [
    cut_before_the_commit,
    cut_between_commit_and_state,
    cut_between_commit_and_state_without_its_spool,
    cut_before_publication,
    cut_within_publication,
    cut_before_publication_is_noted,
]


@pytest.mark.parametrize("lose_state", [False, True], ids=["state kept", "state lost"])
@pytest.mark.parametrize("cut", CUTS)
def test_cut_off_anywhere_it_goes_on(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    cut: Callable[[Bench, pytest.MonkeyPatch], None],
    lose_state: bool,
) -> None:
    bench.writer.merge(FIRST)
    with monkeypatch.context() as during:
        cut(bench, during)
        with pytest.raises(Killed):
            bench.writer.merge(SECOND)
    if lose_state:
        assert bench.state is not None
        bench.state.close()
        shutil.rmtree(state_folder(bench.table))
    bench.restart()
    assert bench.state is not None and bench.state.unpublished() == 0
    bench.writer.merge(SECOND)  # the stream brings the batch again
    bench.check([*FIRST, *SECOND])
    assert len(writes(bench.table)) == 2
    assert list((state_folder(bench.table) / "spool").glob("*")) == []


def test_a_commit_names_its_spool_file_and_a_replayed_batch_makes_none(bench: Bench) -> None:
    done = bench.writer.merge([*FIRST, FIRST[0]])
    assert (done.read, done.distinct, done.written, done.changed) == (13, 12, 12, 12)
    assert write_note(bench.table, str(done.commit), SPOOL_NOTE)
    again = bench.writer.merge(FIRST)
    assert (again.written, again.commit) == (0, None)
    assert commits(bench.table) == [done.commit]
    assert [change.sequence for change in bench.topic.messages] == list(range(12))
    keys = [(change.item_id, change.attr_id) for change in bench.topic.messages]
    assert keys == sorted(keys)


def test_a_table_made_anew_is_not_taken_for_the_old_one(bench: Bench) -> None:
    bench.writer.merge(FIRST)
    shutil.rmtree(bench.table)
    bench.restart()
    assert list(bench.state.all_rows()) == []  # type: ignore[union-attr]
    assert bench.writer.merge(SECOND).written == len(SECOND)
    assert table_rows(bench.spark, bench.table) == settle(SECOND)


def test_compaction_in_parts_changes_no_row(bench: Bench) -> None:
    given: list[KnowledgeRow] = []
    chance = random.Random(3)
    compacted = []
    for version in range(1, 8):
        rows = [knowledge_row(f"i{chance.randrange(30)}", "form", version, f"v{version}") for _ in range(20)]
        given += rows
        bench.writer.merge(rows)
        compacted.append(bench.writer.compact_if_due())
    assert [at for at, instant in enumerate(compacted) if instant] == [2, 5]
    bench.check(given)
    bench.restart()
    bench.check(given)


def test_items_are_told_again_as_they_are(bench: Bench) -> None:
    bench.writer.merge(FIRST)
    bench.state.ask_again(["i1", "absent"])  # type: ignore[union-attr]
    assert bench.writer.tell_again() == 2
    told = bench.topic.messages[12:]
    assert [(c.item_id, c.attr_id, c.sequence, c.before == c.after) for c in told] == [
        ("i1", "form", 12, True),
        ("i1", "origin", 13, True),
    ]
    assert bench.writer.tell_again() == 0
    bench.check(FIRST)
