"""Reconciliation with real servers: Kafka, the streaming merge, Hudi, and the lookup service over each of its stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from infra.kafka import produce
from infra.kv import open_kv
from infra.topics import apply_topics
from jobs.batch.reconcile import main as reconcile
from pipelines.tunnel import store_keys
from pipelines.tunnel.changes import replay
from pipelines.tunnel.store import ItemState
from pipelines.tunnel.store_codec import state_bytes, state_of
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults
from schemas.topics import RESULTS, TOPICS
from tests.integration.conftest import RunningStack, own_settings, running_stack
from tests.merge_server import PATIENCE_S, Merge, changes_in, table_state
from tests.ports import free_ports
from tests.unit.pipelines.tunnel.knowledge_rows import knowledge_row
from tests.valkey_server import valkey_server
from udfs.version import settle

pytestmark = pytest.mark.integration

EVENT_MS = 1_790_000_000_000
PATIENT = ("--looks", "8", "--pause", "4")
ITEMS = [f"i{number}" for number in range(20)]
State = Mapping[tuple[str, str], KnowledgeRow]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A broker with its topics; the lookup service is started by the test."""
    folder = tmp_path_factory.mktemp("reconcile")
    [port] = map(str, free_ports(1))
    env = {**own_settings(folder), "AIIC_LOOKUP_PORT": port, "AIIC_WAREHOUSE": str(folder / "warehouse")}
    made = running_stack(env)
    try:
        up(made, "kafka")
        apply_topics(made.kafka_servers, TOPICS)
        yield made
    finally:
        made.aiic("down", "--only", "lookup,kafka")


@pytest.fixture
def merge(stack: RunningStack) -> Iterator[Merge]:
    [port] = free_ports(1)
    made = Merge(stack.kafka_servers, Path(stack.env["AIIC_WAREHOUSE"]), port)
    made.start()
    try:
        made.ready()
        yield made
    finally:
        if made.process is not None and made.process.poll() is None:
            made.kill()


def up(stack: RunningStack, name: str) -> None:
    started = stack.aiic("up", "--only", name)
    assert started.returncode == 0, started.stdout + started.stderr


def rows_at(number: int, items: list[str]) -> list[KnowledgeRow]:
    return [
        knowledge_row(item, name, 0, f"v{number}", event_ms=EVENT_MS + number)
        for item in items
        for name in ("form", "origin")
    ]


def send(servers: str, rows: list[KnowledgeRow]) -> None:
    produce(
        servers,
        RESULTS,
        [
            (
                row.item_id,
                orjson.dumps(KnowledgeResults(row.item_id, "tea", row.event_ms, "nearline", "run", (row,))),
            )
            for row in rows
        ],
    )


def stored(address: str) -> dict[tuple[str, str], KnowledgeRow]:
    kv = open_kv(address)
    try:
        return {
            (row.item_id, attr): row for one in KnowledgeStore(kv).states() for attr, row in one.rows.items()
        }
    finally:
        kv.close()


def spoil(address: str, item_id: str, change: Callable[[ItemState], ItemState | None]) -> None:
    """Change an item in the store behind its writer's back; None removes it."""
    kv, key = open_kv(address), store_keys.state_key(item_id)
    try:
        with kv.writing() as writer:
            after = change(state_of(writer.get(key) or b""))
            if after is None:
                writer.delete(key)
            else:
                writer.put(key, state_bytes(after))
    finally:
        kv.close()


def with_row(row: KnowledgeRow) -> Callable[[ItemState], ItemState]:
    return lambda state: replace(state, rows={**state.rows, row.attr_id: row})


def wait(what: Callable[[], object], expected: object) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (found := what()) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found == expected


def test_table_changes_and_store_are_proved_one_or_made_one(
    stack: RunningStack, merge: Merge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AIIC_STACK_STATE_DIR", "AIIC_LOOKUP_PORT"):
        monkeypatch.setenv(name, stack.env[name])
    args = ["--warehouse", str(merge.warehouse), "--kafka", stack.kafka_servers, *PATIENT]
    assert reconcile([*args, "--store", "local"]) == 2
    assert "aiic up --only lookup" in capsys.readouterr().err
    up(stack, "lookup")
    rows = rows_at(1, ITEMS)
    send(stack.kafka_servers, rows)
    folder = str(stack.state_dir / "lookup/store")
    wait(lambda: stored(folder), settle(rows))
    proves_and_repairs(stack, merge, [*args, "--store", "local"], folder, rows, 2, capsys)
    assert stack.aiic("down", "--only", "lookup").returncode == 0
    with valkey_server() as address:
        scaled = replace(stack, env={**stack.env, "AIIC_LOOKUP_STORE": address})
        up(scaled, "lookup")
        wait(lambda: stored(address) == table_state(merge.table), True)
        present = list(table_state(merge.table).values())
        proves_and_repairs(stack, merge, [*args, "--store", address], address, present, 3, capsys)
        # With nobody to repair it, what differs is told, and the task fails.
        assert merge.end() == 0
        spoil(address, "i3", lambda state: None)
        assert reconcile([*args, "--looks", "3", "--pause", "1", "--store", address]) == 1
        assert "i3, form: table version" in capsys.readouterr().err
        assert scaled.aiic("down", "--only", "lookup").returncode == 0


def proves_and_repairs(
    stack: RunningStack,
    merge: Merge,
    args: list[str],
    address: str,
    rows: list[KnowledgeRow],
    number: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wait(lambda: merge.told().get("unpublished") == 0 and table_state(merge.table) == settle(rows), True)
    capsys.readouterr()
    assert reconcile(args) == 0
    assert f"{len(rows)} rows are the same everywhere; repaired 0" in capsys.readouterr().out
    # An item that the store has lost, a row that it has an older one of, and one that nobody but the store has.
    [old, _], [alone, _] = rows_at(0, ["i4"]), rows_at(number, ["i5"])
    spoil(address, "i3", lambda state: None)
    spoil(address, "i4", with_row(old))
    spoil(address, "i5", with_row(alone))
    assert reconcile(args) == 0
    told = capsys.readouterr().out
    assert "repaired: i3, form: table version" in told and "store absent" in told
    assert "repaired: i4, form: table version" in told
    assert "repaired: i5, form: table version" in told
    expected = settle([*rows, alone])
    assert table_state(merge.table) == stored(address) == replay(changes_in(stack.kafka_servers)) == expected
