"""Random histories of all three tiers end in one state, and that is what the spec's own words say; wrong rules are noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipelines.tunnel import changes, store
from schemas.knowledge import KnowledgeRow
from tests.benchmarks.tunnel_histories_stack import faults_of
from tests.benchmarks.tunnel_oracle import expected_of_rows, faults_of_facts, faults_of_rows
from tests.benchmarks.tunnel_rule import faults_of_history
from tests.benchmarks.tunnel_worlds import random_history
from tests.unit.pipelines.tunnel.knowledge_rows import knowledge_row
from udfs import version
from udfs.version import ITEM_ATTR, last_write_wins, settle

BASE_MS = 1_790_000_000_000
HISTORIES = 300


@pytest.mark.parametrize("first", range(0, HISTORIES, 50))
def test_every_history_ends_in_what_its_newest_states_say(first: int) -> None:
    diverged = {
        seed: faults
        for seed in range(first, first + 50)
        if (faults := faults_of_history(random_history(seed, BASE_MS)))
    }
    assert diverged == {}


def test_histories_have_everything_in_them() -> None:
    histories = [random_history(seed, BASE_MS) for seed in range(100)]
    rows = [row for one in histories for row in one.rows]
    assert {row.provenance.tier for row in rows} == {"offline", "nearline", "realtime"}
    ended = [row for row in rows if row.attr_id == ITEM_ATTR]
    assert len(ended) > 50
    twice = {(row.item_id, row.attr_id, row.version): set() for row in rows}
    for row in rows:
        twice[row.item_id, row.attr_id, row.version].add(row.digest)
    assert sum(len(digests) > 1 for digests in twice.values()) > 50
    lost = sum(
        row.version < version_
        for one in histories
        for row in one.rows
        for version_ in [last_write_wins(one.rows)[row.item_id, row.attr_id].version]
    )
    assert lost > 500
    assert sum(not facts for one in histories for facts in one.truth.values()) > 20


def by_arrival(a: KnowledgeRow, b: KnowledgeRow) -> KnowledgeRow:
    return b


def by_version_alone(a: KnowledgeRow, b: KnowledgeRow) -> KnowledgeRow:
    return b if b.version >= a.version else a


@pytest.mark.parametrize("wrong", [by_arrival, by_version_alone])
def test_a_wrong_winner_is_noticed(
    monkeypatch: pytest.MonkeyPatch, wrong: Callable[[KnowledgeRow, KnowledgeRow], KnowledgeRow]
) -> None:
    monkeypatch.setattr(version, "newest", wrong)
    assert any(faults_of_history(random_history(seed, BASE_MS)) for seed in range(20))


def test_forgotten_retirement_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (changes, store):
        monkeypatch.setattr(module, "settle", last_write_wins)
    faults = [fault for seed in range(20) for fault in faults_of_history(random_history(seed, BASE_MS))]
    assert any("but it ended" in fault for fault in faults)
    assert any("its newest state" in fault for fault in faults)


def test_the_oracle_of_rows_by_examples() -> None:
    old, new = knowledge_row("i", "form", 1, "old"), knowledge_row("i", "form", 2, "new")
    twin = replace(new, value_texts=("twin",), digest="f" * 32)
    other = knowledge_row("i", "volume", 3, category="cup")
    back = knowledge_row("i", "origin", 4)
    end = knowledge_row("i", ITEM_ATTR, 5, category="", deleted=True)
    holds = {
        name: {key[1]: one.row.value_texts[0] for key, one in expected_of_rows(said).items() if one.holds}
        for name, said in {
            "late": [new, old], "equal version": [new, twin, old], "moved": [new, other],
            "moved and back": [back, other, new], "ended": [end, back, other, new],
        }.items()
    }  # fmt: skip
    assert holds == {
        "late": {"form": "new"},
        "equal version": {"form": "twin"},
        "moved": {"volume": "loose leaf"},
        "moved and back": {"origin": "loose leaf"},
        "ended": {},
    }
    state = settle([new, old])
    assert faults_of_rows(state, expected_of_rows([new, old])) == []
    assert faults_of_rows({}, expected_of_rows([new])) == ["('i', 'form'): absent"]
    assert faults_of_facts(state, {"i": {"form": ("old",)}}) != []


def test_a_state_that_parts_from_the_others_is_told_by_its_name() -> None:
    world = random_history(3, BASE_MS)
    whole = settle(world.rows)
    [key, *_] = [key for key, row in whole.items() if not row.is_deleted]
    older = whole | {key: replace(whole[key], version=0)}
    without = {other: row for other, row in whole.items() if other != key}
    assert faults_of(world, {"table": whole, "store": whole, "changes": whole}) == []
    assert faults_of(world, {"table": whole, "store": older, "changes": without}) == [
        "store is not the table", "changes is not the table",
    ]  # fmt: skip
    assert faults_of(world, {"table": older, "store": older, "changes": older}) != []
    assert faults_of(world, {"table": whole, "store": whole | {("other", "form"): whole[key]}}) == []
