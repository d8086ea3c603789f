"""The merge on a real Hudi table ends where `settle` ends, whatever the order, repetition and batches."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from infra.hudi import compact, read_table
from infra.hudi_reading import bucket_of, commits, file_slices, read_slices
from jobs.batch.merge import KNOWLEDGE, merge_files, merge_items, merge_rows
from jobs.batch.merge_changes import changes_of, unwritten, write_changes
from pipelines.tunnel.merge import MergeConfig, MergedFiles
from schemas.derive import SchemaMismatch, record_to_arrow
from schemas.listing import Listing
from schemas.shard import ShardItem
from tests.spark.conftest import SMALL, frame, knowledge_row, parquet, spark_rows, table_rows
from tests.spark.histories import FEW_HISTORIES, SIXTY_ITEMS, history
from udfs.version import MOVED_ATTR, settle

HOSTILE_IDS = (
    "a,b", "a:b", "item_id:x", "x,attr_id:z", "a,b:c:d", "_key_item_id:a,_key_attr_id:b", "中文, ：x", "😀",
    "__null__", "__empty__", " ", "a\\b", "a/b?c=%20", "%2C", "'; --", "x" * 200,
)  # fmt: skip


@FEW_HISTORIES
@given(items=SIXTY_ITEMS, random=st.randoms(use_true_random=False))
def test_late_repeated_and_reordered_batches_end_in_the_settled_state(
    spark, tmp_path_factory, items, random
) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("merge")
    rows, arrivals = history(items, random)
    third = len(arrivals) // 3
    table = folder / "item_knowledge"
    results = [
        merge_rows(spark, frame(spark, batch, folder), table, settings=SMALL)
        for batch in (arrivals[:third], arrivals[third : 2 * third], arrivals[2 * third :])
    ]
    expected = settle(rows)
    assert table_rows(spark, table) == expected
    assert spark_rows(read_table(spark, table)) == expected
    assert sum(result.read for result in results) == len(arrivals)
    again = merge_rows(spark, frame(spark, rows, folder), table, settings=SMALL)
    assert (again.written, again.commit) == (0, None)


def test_counts_and_each_rule_once(spark: SparkSession, tmp_path: Path) -> None:
    table = tmp_path / "item_knowledge"
    first = [knowledge_row("i", "form", 5), knowledge_row("i", "origin", 5), knowledge_row("j", "form", 5)]
    done = merge_rows(spark, frame(spark, [*first, first[0]], tmp_path), table, settings=SMALL)
    assert (done.read, done.distinct, done.written, done.changed) == (4, 3, 3, 3)
    assert commits(table) == [done.commit]

    small, great = sorted((knowledge_row("j", "form", 6, text) for text in "ab"), key=lambda row: row.digest)
    second = [
        knowledge_row("i", "form", 4, "late"),  # loses
        knowledge_row("i", "origin", 6),  # wins, and says the same
        great,  # wins, and says something else
    ]
    done = merge_rows(spark, frame(spark, second, tmp_path), table, settings=SMALL)
    assert (done.read, done.distinct, done.written, done.changed) == (3, 3, 2, 1)
    third = [small, knowledge_row("i", "form", 7, deleted=True), knowledge_row("i", "form", 8, "again")]
    done = merge_rows(spark, frame(spark, third, tmp_path), table, settings=SMALL)
    assert (done.distinct, done.written, done.changed) == (2, 1, 1)
    assert table_rows(spark, table) == settle([*first, *second, *third])
    assert table_rows(spark, table)["j", "form"] == great


def test_category_change_retires_rows_that_the_batch_does_not_name(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = tmp_path / "item_knowledge"
    tea = [knowledge_row("i", name, 1) for name in ("form", "origin", "leaf")]
    merge_rows(spark, frame(spark, [*tea, knowledge_row("j", "form", 1)], tmp_path), table, settings=SMALL)
    cup = [knowledge_row("i", name, 2, category="cup") for name in ("origin", "volume")]
    done = merge_rows(spark, frame(spark, cup, tmp_path), table, settings=SMALL)
    found = table_rows(spark, table)
    live = {key for key, row in found.items() if not row.is_deleted}
    assert live == {("i", "origin"), ("i", "volume"), ("j", "form")}
    assert found["i", MOVED_ATTR].version == 1
    assert (done.written, done.changed) == (5, 4)  # two new, two retired, one memory
    late = merge_rows(spark, frame(spark, [knowledge_row("i", "grade", 1)], tmp_path), table, settings=SMALL)
    assert late.written == 1
    assert table_rows(spark, table)["i", "grade"].is_deleted


def test_hostile_ids_keep_their_rows_and_their_bucket(spark: SparkSession, tmp_path: Path) -> None:
    table = tmp_path / "item_knowledge"
    for version in (1, 2):
        rows = [
            knowledge_row(item, attr, version)
            for item in HOSTILE_IDS
            for attr in ("form", "k,2", "k:3", "a:b,c:d")
        ]
        done = merge_rows(spark, frame(spark, rows, tmp_path), table, settings=SMALL)
        assert done.written == len(rows)
    assert table_rows(spark, table) == settle(rows)
    for part in file_slices(table):
        for batch in read_slices(table, [part], ["item_id"]):
            assert {bucket_of(item, SMALL.buckets) for item in batch.column("item_id").to_pylist()} <= {
                part.bucket
            }


def test_files_merge_once_and_a_repeat_reads_nothing(spark: SparkSession, tmp_path: Path) -> None:
    table = tmp_path / "item_knowledge"
    rows = [knowledge_row(f"i{number}", "form", 1) for number in range(6)]
    files = [parquet(rows[:3], tmp_path / "a.parquet"), parquet(rows[3:], tmp_path / "b.parquet")]
    done = merge_files(spark, files, table, settings=SMALL)
    assert (done.read, done.written) == (6, 6)
    assert merge_files(spark, files, table).read == 0
    # Without the note, a repeat reads the files and still writes nothing.
    (table / ".hoodie" / "merged_files.jsonl").unlink()
    done = merge_files(spark, files, table)
    assert (done.read, done.written, done.commit) == (6, 0, None)
    assert len(commits(table)) == 1
    assert MergedFiles(table).without(files, lambda: commits(table)) == []


def test_a_file_that_is_no_shard_is_named_and_nothing_is_written(spark: SparkSession, tmp_path: Path) -> None:
    good = parquet([knowledge_row("i", "form", 1)], tmp_path / "good.parquet")
    wrong, cut = tmp_path / "wrong.parquet", tmp_path / "cut.parquet"
    pq.write_table(pa.table({"item_id": [1]}), wrong)
    cut.write_bytes(good.read_bytes()[:-10])
    for bad in (wrong, cut):
        with pytest.raises(SchemaMismatch, match=bad.name):
            merge_files(spark, [good, bad], tmp_path / "item_knowledge")
    assert not (tmp_path / "item_knowledge").exists()


def test_time_travel_and_changes_survive_compaction(spark: SparkSession, tmp_path: Path) -> None:
    table = tmp_path / "item_knowledge"
    states, instants = [], []
    rows = []
    for version in (1, 2, 3):
        rows += [
            knowledge_row("i", "form", version, f"v{version}"),
            knowledge_row(f"j{version}", "form", version),
        ]
        config = MergeConfig(write_changes=version == 1)
        done = merge_rows(spark, frame(spark, rows[-2:], tmp_path), table, config, SMALL)
        states.append(settle(rows))
        instants.append(str(done.commit))
        if version == 2:
            assert compact(spark, table)
    for instant, state in zip(instants, states, strict=True):
        assert table_rows(spark, table, instant) == state
        assert spark_rows(read_table(spark, table, instant)) == state
    assert table_rows(spark, table) == states[-1]

    changes = changes_of(spark, KNOWLEDGE, table, instants[1]).collect()
    seen = [
        (c.item_id, c.sequence, c.before and c.before.value_texts[0], c.after.value_texts[0]) for c in changes
    ]
    assert seen == [("i", 0, "v1", "v2"), ("j2", 1, None, "loose leaf")]
    first = spark.read.parquet(str(tmp_path / "item_knowledge_changes" / instants[0]))
    assert [(c.item_id, c.before, c.sequence) for c in first.orderBy("sequence").collect()] == [
        ("i", None, 0),
        ("j1", None, 1),
    ]
    assert instants[2] in unwritten(table)
    folder = write_changes(spark, KNOWLEDGE, table, instants[2])
    assert [c.sequence for c in spark.read.parquet(str(folder)).orderBy("sequence").collect()] == [2, 3]


def test_items_keep_the_newest_state_of_a_listing(spark: SparkSession, tmp_path: Path) -> None:
    table = tmp_path / "items"

    def listings(title: str, event_ms: int):  # type: ignore[no-untyped-def]
        listing = Listing(
            "a,b:c:d", title, attributes={"Net Wt": "8 oz", "色": "赤"}, image_urls=("u",), price=1.5
        )
        path = tmp_path / f"{title}.parquet"
        pq.write_table(record_to_arrow([ShardItem(listing, event_ms)], ShardItem), path)
        return spark.read.parquet(str(path))

    assert merge_items(spark, listings("new", 2), table, settings=SMALL).written == 1
    assert merge_items(spark, listings("old", 1), table, settings=SMALL).written == 0
    assert merge_items(spark, listings("new", 2), table, settings=SMALL).written == 0
    assert merge_items(spark, listings("newer", 3), table, settings=SMALL).changed == 1
    found = read_table(spark, table).select("title", "event_ms", F.col("attributes")["色"]).collect()
    assert [tuple(row) for row in found] == [("newer", 3, "赤")]


def test_a_merge_of_nothing_makes_no_table(spark: SparkSession, tmp_path: Path) -> None:
    done = merge_rows(spark, frame(spark, [], tmp_path), tmp_path / "item_knowledge", settings=SMALL)
    assert (done.read, done.written, done.commit) == (0, 0, None)
    assert not (tmp_path / "item_knowledge" / ".hoodie").exists()
