"""Last write wins: any order, repetition and splitting of rows ends in the state of a naive oracle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.knowledge import STATED, KnowledgeRow, Provenance
from udfs.version import (
    ITEM_ATTR,
    MAX_EVENT_MS,
    MAX_GENERATION,
    MOVED_ATTR,
    RETIRED,
    content_digest,
    event_ms_of,
    item_pasts,
    last_write_wins,
    newest,
    retired,
    says_the_same,
    settle,
    version_of,
    with_digest,
)

Key = tuple[str, str]
State = dict[Key, KnowledgeRow]


def row(
    attr: str, version: int, text: str = "x", category: str = "tea", deleted: bool = False, item: str = "i"
) -> KnowledgeRow:
    return with_digest(
        KnowledgeRow(
            item_id=item,
            attr_id=attr,
            category_id=category,
            spu_id=None,
            value_ids=(),
            value_texts=(text,),
            status=STATED,
            evidence=(),
            confidence=0.5,
            provenance=Provenance("offline", "rule", "m", "v1", "", "r"),
            fingerprint="",
            event_ms=version,
            version=version,
            digest="",
            is_deleted=deleted,
        )
    )


ROWS = st.lists(
    st.builds(
        row,
        attr=st.sampled_from(["form", "origin", ITEM_ATTR]),
        version=st.integers(1, 5),
        text=st.sampled_from(["a", "b"]),
        category=st.sampled_from(["tea", "cup", "pot"]),
        deleted=st.booleans(),
        item=st.sampled_from(["i", "j"]),
    ),
    max_size=14,
)


def oracle(rows: Sequence[KnowledgeRow]) -> State:
    """What the rule says, by looking at all rows for each key."""
    state = {}
    for key in {(r.item_id, r.attr_id) for r in rows}:
        best = sorted(
            (r for r in rows if (r.item_id, r.attr_id) == key), key=lambda r: (r.version, r.digest)
        )[-1]
        later = [r for r in rows if r.item_id == best.item_id and r.version > best.version]
        left = any(r.attr_id == ITEM_ATTR or r.category_id != best.category_id for r in later)
        if left and best.attr_id != ITEM_ATTR:
            best = replace(best, is_deleted=True, digest=f"{best.digest}.retired")
        state[key] = best
    return state


def without_memory(state: State) -> State:
    return {key: found for key, found in state.items() if key[1] != MOVED_ATTR}


def only_attributes(rows: Iterable[KnowledgeRow]) -> list[KnowledgeRow]:
    return [r for r in rows if r.attr_id != ITEM_ATTR]


@given(ROWS)
def test_winner_of_each_key_is_the_oracles(rows: list[KnowledgeRow]) -> None:
    attributes = only_attributes(rows)
    expected = {
        key: sorted(
            (r for r in attributes if (r.item_id, r.attr_id) == key), key=lambda r: (r.version, r.digest)
        )[-1]
        for key in {(r.item_id, r.attr_id) for r in attributes}
    }
    assert last_write_wins(attributes) == expected


@given(ROWS)
def test_settled_state_is_the_oracles(rows: list[KnowledgeRow]) -> None:
    # The oracle counts _item rows of any category as takings down only, never as a change of category.
    rows = [replace(r, category_id="") if r.attr_id == ITEM_ATTR else r for r in rows]
    assert without_memory(settle(rows)) == oracle(rows)


@given(ROWS, st.data())
def test_order_repetition_and_batches_do_not_matter(rows: list[KnowledgeRow], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations([*rows, *rows[: len(rows) // 2]]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    bounds = [0, *cuts, len(shuffled)]
    state: State = {}
    for begin, end in pairwise(bounds):
        state = settle([*state.values(), *shuffled[begin:end]])
    assert state == settle(rows)


@given(ROWS)
def test_settling_again_changes_nothing(rows: list[KnowledgeRow]) -> None:
    state = settle(rows)
    assert settle(state.values()) == state


def test_every_arrival_of_a_move_and_return_ends_in_one_state() -> None:
    """The row that says that the item was once a cup is overwritten, yet the late tea row stays retired."""
    moves = [row("form", 1), row("origin", 2, category="cup"), row("origin", 3), row("form", 1, "other")]
    states = [
        reduce(lambda state, one: settle([*state.values(), one]), arrival, State())
        for arrival in permutations(moves)
    ]
    assert all(state == states[0] for state in states)
    assert states[0]["i", "form"].is_deleted
    assert not states[0]["i", "origin"].is_deleted
    assert states[0]["i", MOVED_ATTR].version == 2


def test_category_change_retires_what_the_new_category_lacks() -> None:
    state = settle([row("form", 1), row("origin", 1), row("origin", 2, category="cup")])
    assert {key[1]: found.is_deleted for key, found in state.items()} == {
        "form": True,
        "origin": False,
        MOVED_ATTR: True,
    }
    assert state["i", "form"].version == 1


def test_taking_down_retires_older_rows_and_newer_rows_live() -> None:
    down = replace(row(ITEM_ATTR, 2, deleted=True), category_id="")
    state = settle([row("form", 1), row("origin", 3), down])
    assert {key[1]: found.is_deleted for key, found in state.items()} == {
        "form": True,
        "origin": False,
        ITEM_ATTR: True,
    }


def test_insert_after_delete_lives_and_late_delete_is_ignored() -> None:
    inserted = row("form", 3, "again")
    assert settle([row("form", 1), row("form", 2, deleted=True), inserted]) == {("i", "form"): inserted}
    assert settle([inserted, row("form", 2, deleted=True)]) == {("i", "form"): inserted}


def test_equal_version_greater_digest_wins_both_ways() -> None:
    a, b = row("form", 1, "a"), row("form", 1, "b")
    expected = max(a, b, key=lambda r: r.digest)
    assert newest(a, b) == newest(b, a) == expected


def test_equal_versions_of_two_categories_retire_neither() -> None:
    state = settle([row("form", 1), row("origin", 1, category="cup")])
    assert [found.is_deleted for key, found in state.items() if key[1] != MOVED_ATTR] == [False, False]


def test_retired_row_keeps_its_version_wins_over_itself_and_loses_where_it_lost() -> None:
    small, great = sorted((row("form", 1, "a"), row("form", 1, "b")), key=lambda r: r.digest)
    dead = retired(small)
    assert (dead.version, dead.is_deleted, dead.digest) == (1, True, small.digest + RETIRED)
    assert retired(dead) == dead
    assert newest(dead, small) == dead
    assert newest(dead, great) == great


def test_pasts_count_losers() -> None:
    past = item_pasts([row("form", 1, category="cup"), row("form", 2)])["i"]
    assert (past.category_id, past.category_version, past.moved_version, past.deleted_version) == (
        "tea",
        2,
        1,
        None,
    )


def test_version_orders_by_time_then_generation_then_tier() -> None:
    ordered = [
        version_of(1, 0, "offline"),
        version_of(1, 0, "expert"),
        version_of(1, 1, "offline"),
        version_of(1, MAX_GENERATION, "expert"),
        version_of(2, 0, "offline"),
    ]
    assert ordered == sorted(set(ordered))
    assert version_of(MAX_EVENT_MS, MAX_GENERATION, "expert") == 2**63 - 1
    assert [event_ms_of(version) for version in ordered] == [1, 1, 1, 1, 2]


@pytest.mark.parametrize("parts", [(-1, 0), (MAX_EVENT_MS + 1, 0), (0, -1), (0, MAX_GENERATION + 1)])
def test_version_refuses_parts_that_do_not_fit(parts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        version_of(*parts, "offline")


def test_version_refuses_an_unknown_tier() -> None:
    with pytest.raises(ValueError, match="weekly"):
        version_of(1, 1, "weekly")


def test_digest_covers_the_whole_row_but_itself() -> None:
    base = row("form", 1)
    assert content_digest(replace(base, digest="other")) == base.digest
    assert content_digest(replace(base, confidence=0.6)) != base.digest
    assert content_digest(replace(base, is_deleted=True)) != base.digest


def test_says_the_same_looks_at_the_fact_alone() -> None:
    base = row("form", 1)
    assert says_the_same(base, replace(base, version=9, confidence=0.1, digest="d"))
    assert not says_the_same(base, replace(base, value_texts=("y",)))
