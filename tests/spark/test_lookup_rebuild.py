"""The lookup store and subscriptions begin with a real Hudi table: what the table says, the store says, then and now."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from infra.kv_embedded import EmbeddedStore
from jobs.batch.merge import merge_rows
from jobs.services.lookup_rebuild import fill
from jobs.services.snapshot import snapshot_of
from pipelines.tunnel.changes import replay
from pipelines.tunnel.store import HistoryGone, ItemRows
from pipelines.tunnel.store_codec import view_bytes
from pipelines.tunnel.store_follow import BEGAN, REBUILDING
from pipelines.tunnel.store_knowledge import KnowledgeStore
from pipelines.tunnel.subscription import commit_ms, full
from schemas.change import Change
from tests.spark.conftest import SMALL, frame, knowledge_row, table_rows
from tests.unit.pipelines.tunnel.test_subscription import ChangeTopic, drain
from udfs.version import ITEM_ATTR

FIRST = [
    *(knowledge_row(f"sku-{number}", attr, 1 << 21) for number in range(9) for attr in ("form", "origin")),
    knowledge_row("a,b:c", "form", 1 << 21),
]
SECOND = [
    knowledge_row("sku-1", "form", 2 << 21, "bag"),
    knowledge_row("sku-2", "volume", 2 << 21, "1 l", "cup"),
    knowledge_row("sku-3", ITEM_ATTR, 2 << 21, "", "", deleted=True),
]


def test_a_rebuilt_store_is_the_table_then_and_goes_on_with_changes(
    spark: SparkSession, tmp_path: Path
) -> None:
    table = tmp_path / "item_knowledge"
    commits = [
        merge_rows(spark, frame(spark, rows, tmp_path), table, settings=SMALL).commit
        for rows in (FIRST, SECOND)
    ]
    assert commits[0] and commits[1]
    expected = table_rows(spark, table)
    snapshot = snapshot_of(tmp_path)
    assert snapshot.newest_commit() == commits[1]

    store = KnowledgeStore(EmbeddedStore(tmp_path / "kv"))
    store.apply([ItemRows("stale", (knowledge_row("stale", "form", 1),), 1)], store.begin_term())
    done = fill(store, snapshot, commits[1], {("item-knowledge.changes", 2): 41})
    assert done.rows == len(expected)
    assert {
        (one.item_id, attr): one for state in store.states() for attr, one in state.rows.items()
    } == expected
    assert store.positions() == {("item-knowledge.changes", 2): 41}
    assert (store.noted(REBUILDING), store.noted(BEGAN)) == (b"", b"%d" % commit_ms(commits[1]))
    for item in ("sku-1", "sku-2", "sku-3", "a,b:c"):
        assert store.views([item]) == [
            view_bytes(item, [one for one in expected.values() if one.item_id == item])
        ]
    assert store.category("cup", None, 10)[0] == ["sku-2"]

    first_ms, second_ms = map(commit_ms, commits)
    assert store.history("sku-1")[1] == second_ms
    assert {one.from_ms for one in store.history("sku-1", "origin")[0]} == {first_ms}
    assert store.view_at("sku-0", first_ms) == store.views(["sku-0"])[0]
    with pytest.raises(HistoryGone):
        store.view_at("sku-1", first_ms)
    later = knowledge_row("sku-1", "form", 3 << 21, "powder")
    store.apply([ItemRows("sku-1", (later,), second_ms + 1)], store.begin_term())
    assert [one.row.value_texts[0] for one in store.history("sku-1", "form")[0]] == ["powder", "bag"]


def test_a_full_subscription_to_the_table_misses_nothing(spark: SparkSession, tmp_path: Path) -> None:
    table, topic = tmp_path / "item_knowledge", ChangeTopic()
    first = merge_rows(spark, frame(spark, FIRST, tmp_path), table, settings=SMALL).commit
    snapshot = snapshot_of(tmp_path)
    commit, rows, subscription = full(topic, snapshot.newest_commit, snapshot.rows)
    assert commit == first
    base = {(one.item_id, one.attr_id): one for one in rows}
    assert base == table_rows(spark, table)
    second = merge_rows(spark, frame(spark, SECOND, tmp_path), table, settings=SMALL).commit
    after = table_rows(spark, table)
    # Published late and twice: changes of the snapshot's own commit, then what is new.
    for number, one in enumerate(base.values()):
        topic.publish(Change(one.item_id, one.attr_id, str(first), number, None, one))
    for _ in range(2):
        for number, (key, one) in enumerate(sorted(after.items())):
            if base.get(key) != one:
                topic.publish(Change(*key, str(second), 100 + number, base.get(key), one), key[0])
    got = drain(subscription)
    assert {one.commit for one in got} == {second}
    assert len(got) == len({(one.item_id, one.attr_id) for one in got})
    assert replay(got, base) == after
