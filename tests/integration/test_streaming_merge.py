"""The streaming merge for real: Kafka in, Hudi and Kafka out, killed with kill -9 and started again; batch runs beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from kafka import KafkaAdminClient

from infra.kafka import Topic, consume, ensure_topics, produce
from infra.kafka_log import PositionLost, open_log
from infra.table_lock import holder_of
from jobs.batch.merge_handover import merge_or_hand_over
from jobs.batch.reconcile import main as reconcile
from pipelines.tunnel.changes import gaps, replay
from schemas.dead_letter import DeadLetter
from schemas.derive import parse_record, record_to_arrow
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults
from schemas.topics import CHANGES, DEAD_SUFFIX, RESULTS, TOPICS
from tests.integration.conftest import RunningStack, own_settings, running_stack
from tests.merge_server import PATIENCE_S, Merge, changes_in, table_state, written
from tests.ports import free_ports
from tests.unit.pipelines.tunnel.knowledge_rows import knowledge_row
from udfs.version import settle

pytestmark = pytest.mark.integration

EVENT_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Kafka alone."""
    made = running_stack(own_settings(tmp_path_factory.mktemp("stack")))
    started = made.aiic("up", "--only", "kafka")
    try:
        if started.returncode != 0:
            pytest.fail(f"./aiic up failed\n{started.stdout}{started.stderr}")
        yield made
    finally:
        made.aiic("down")


@pytest.fixture
def servers(broker: RunningStack) -> str:
    """The broker's address, with all topics made anew."""
    admin = KafkaAdminClient(bootstrap_servers=broker.kafka_servers)
    names = [one.name for one in TOPICS]
    found = set(admin.list_topics()) & set(names)
    if found:
        admin.delete_topics(sorted(found))
        while set(admin.list_topics()) & set(names):
            time.sleep(0.1)
    admin.close()
    ensure_topics(
        broker.kafka_servers,
        [Topic(one.name, one.partitions, settings=one.kafka_settings()) for one in TOPICS],
    )
    return broker.kafka_servers


@pytest.fixture
def merge(servers: str, tmp_path: Path) -> Iterator[Merge]:
    [port] = free_ports(1)
    made = Merge(servers, tmp_path / "warehouse", port)
    try:
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.kill()


def rows_at(number: int, items: Sequence[str]) -> list[KnowledgeRow]:
    names = ("form", "origin")
    return [
        knowledge_row(i, name, 0, f"v{number}", event_ms=EVENT_MS + number) for i in items for name in names
    ]


def send(servers: str, rows: Sequence[KnowledgeRow]) -> None:
    by_item: dict[str, list[KnowledgeRow]] = {}
    for row in rows:
        by_item.setdefault(row.item_id, []).append(row)
    produce(servers, RESULTS, [(item, results(item, found)) for item, found in by_item.items()])


def results(item: str, rows: Sequence[KnowledgeRow], /, **other: object) -> bytes:
    message = KnowledgeResults(item, "tea", rows[0].event_ms, "nearline", "run", tuple(rows))
    return orjson.dumps(orjson.loads(orjson.dumps(message)) | other)


def test_a_topic_made_anew_is_noticed_even_where_it_is_longer_than_before(broker: RunningStack) -> None:
    servers, name = broker.kafka_servers, "made-anew"
    admin = KafkaAdminClient(bootstrap_servers=servers)
    before: dict[tuple[str, int], int] = {}
    known: dict[str, str] = {}
    for messages in (1, 3):
        ensure_topics(servers, [Topic(name, 1)])
        produce(servers, name, [("k", b"v")] * messages)
        with closing(open_log(servers, [name])) as log:
            log.seek(before)
            if known:
                assert log.ids() != known
                with pytest.raises(PositionLost, match="made anew"):
                    log.seek(before, known)
                break
            before, known = log.ends(), log.ids()
            assert log.seek(before, known) == before
        admin.delete_topics([name])
        while name in admin.list_topics():
            time.sleep(0.1)
    admin.close()


def test_killed_between_commit_and_publication_nothing_is_lost(merge: Merge) -> None:
    servers, items = merge.servers, [f"kill-{number}" for number in range(40)]
    first, second, late = rows_at(1, items), rows_at(2, items[:25]), rows_at(0, items)
    merge.start()
    merge.ready()
    send(servers, first)
    merge.wait(
        lambda: merge.told().get("rows_read") == 80 and merge.told().get("unpublished") == 0, "first read"
    )
    before = written(merge.table)
    send(servers, second)
    merge.wait(lambda: written(merge.table) > before, "second commit")
    merge.kill()  # the commit is in the table; what it changed is not in the topic yet, or only in part
    assert table_state(merge.table) != settle(first)
    send(servers, late)
    send(servers, [*second, *first])
    merge.start()
    merge.ready()
    # A batch that was cut off comes again besides, unless its offsets were noted before the kill.
    merge.wait(lambda: int(str(merge.told().get("rows_read", 0))) >= 80 + 50 + 80, "all read")
    expected = settle([*first, *second, *late])
    merge.wait(
        lambda: table_state(merge.table) == expected and merge.told().get("unpublished") == 0, "settled"
    )
    commits, read = written(merge.table), int(str(merge.told()["rows_read"]))
    send(servers, [*late, *second])
    merge.wait(lambda: int(str(merge.told()["rows_read"])) >= read + 80 + 50, "all read again")
    assert merge.end() == 0
    assert table_state(merge.table) == expected
    assert written(merge.table) == commits  # what came again or late made no commit
    changes = changes_in(servers)
    assert replay(changes) == expected
    assert gaps(change.sequence for change in changes) == []


def test_bad_messages_become_dead_letters_and_good_ones_rows(merge: Merge) -> None:
    servers, far = merge.servers, time.time_ns() // 1_000_000 + 10 * 86_400_000
    good = rows_at(1, ["bad-good"])
    future = [knowledge_row("bad-future", "form", 0, event_ms=far)]
    bad = [
        ("bad-1", b"{"),
        ("bad-2", results("bad-2", rows_at(1, ["bad-2"]), tier="weekly")),
        ("bad-3", results("bad-other", rows_at(1, ["bad-other"]))),
        ("bad-future", results("bad-future", future)),
        ("bad-5", None),
        (
            "run-9",
            results("", rows_at(1, ["x"]), item_id="", rows=[], run_id="run-9", files=["/absent.parquet"]),
        ),
    ]
    merge.start()
    merge.ready()
    produce(servers, RESULTS, [*bad, ("bad-good", results("bad-good", good))])
    merge.wait(lambda: merge.told().get("rows_read") == 2, "read")
    merge.wait(lambda: sum(dict(merge.told()["dead_letters"]).values()) == len(bad), "refused")  # type: ignore[call-overload]
    assert table_state(merge.table) == settle(good)
    assert merge.told()["dead_letters"] == {
        "not_json": 1, "not_in_enum": 1, "wrong_key": 1, "future": 1, "no_value": 1, "bad_file": 1,
    }  # fmt: skip
    found = [
        parse_record(DeadLetter, orjson.loads(one.value or b""))
        for one in consume(servers, RESULTS + DEAD_SUFFIX, idle_s=3)
    ]
    letters = {letter.key: letter.reason for letter in found}
    assert letters["bad-1"] == "not_json" and letters["run-9"] == "bad_file"


def test_a_batch_run_hands_its_files_over_while_the_stream_runs(merge: Merge, tmp_path: Path) -> None:
    rows = rows_at(1, [f"batch-{number}" for number in range(90)])
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.parquet")
        pq.write_table(record_to_arrow(rows[number::3], KnowledgeRow), files[-1])
    merge.start()
    merge.ready()
    assert (holder_of(merge.table) or {})["topic"] == RESULTS

    def no_spark() -> None:
        raise AssertionError("the batch run must not write beside the stream")

    done = merge_or_hand_over(no_spark, files, merge.table, "run-1", EVENT_MS, wait_s=PATIENCE_S)  # type: ignore[arg-type]
    assert (done.written, done.changed) == (180, 180)
    assert table_state(merge.table) == settle(rows)
    assert written(merge.table) >= 3  # 50 rows at a time
    again = merge_or_hand_over(no_spark, files, merge.table, "run-1", EVENT_MS, wait_s=5)  # type: ignore[arg-type]
    assert again.written == 180
    assert merge.end() == 0
    assert holder_of(merge.table) is None


def test_reconciliation_proves_repairs_and_tells(merge: Merge, capsys: pytest.CaptureFixture[str]) -> None:
    servers, items = merge.servers, [f"i{number}" for number in range(20)]
    args = ["--warehouse", str(merge.warehouse), "--kafka", servers, "--looks", "3", "--pause", "3"]
    merge.start()
    merge.ready()
    send(servers, rows_at(1, items))
    merge.wait(lambda: merge.told().get("rows_read") == 40 and merge.told().get("unpublished") == 0, "read")
    assert reconcile(args) == 0
    assert "40 rows are the same everywhere; repaired 0" in capsys.readouterr().out
    send(servers, rows_at(2, items[:5]))
    merge.wait(lambda: merge.told().get("rows_read") == 50 and merge.told().get("unpublished") == 0, "read")
    # A change that never was: what a subscriber believes of this row now is wrong.
    last = max(changes_in(servers), key=lambda change: change.sequence)
    wrong = replace(last, item_id="i9", attr_id="form", after=rows_at(0, ["i9"])[0])
    produce(servers, CHANGES, [("i9", orjson.dumps(wrong))])
    assert reconcile(args) == 0
    assert "repaired: i9, form: table version" in capsys.readouterr().out
    assert replay(changes_in(servers)) == table_state(merge.table)
    send(servers, rows_at(3, items[:5]))
    merge.wait(lambda: merge.told().get("rows_read") == 60 and merge.told().get("unpublished") == 0, "read")
    assert merge.end() == 0
    # Nobody is there to repair: it is told.
    last = max(changes_in(servers), key=lambda change: change.sequence)
    wrong = replace(last, item_id="i7", attr_id="form", after=rows_at(0, ["i7"])[0])
    produce(servers, CHANGES, [("i7", orjson.dumps(wrong))])
    assert reconcile(args) == 1
    assert "i7, form: table version" in capsys.readouterr().err
