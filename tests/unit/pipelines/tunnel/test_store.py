"""The store's rule: any order, repetition and splitting of an item's rows ends in `settle` of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tunnel.store import (
    DAY_MS,
    EMPTY,
    HistoryGap,
    HistoryGone,
    HistoryLimits,
    ItemRows,
    ItemState,
    apply_rows,
    category_of,
    rows_at,
)
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.knowledge import STATED, KnowledgeRow, Provenance
from udfs.version import ITEM_ATTR, MOVED_ATTR, RETIRED, settle, with_digest

KEEP = HistoryLimits(earlier_rows=1_000, days=1_000)
History = dict[tuple[str, int], KnowledgeRow]


def row(
    attr: str, version: int, text: str = "x", category: str = "tea", deleted: bool = False, item: str = "i"
) -> KnowledgeRow:
    made = KnowledgeRow(
        item_id=item,
        attr_id=attr,
        category_id="" if attr == ITEM_ATTR else category,
        spu_id=None,
        value_ids=("",),
        value_texts=(text,),
        status=STATED,
        evidence=(),
        confidence=0.5,
        provenance=Provenance("offline", "rule", "m", "v1", "", "r"),
        fingerprint="",
        event_ms=version,
        version=version,
        digest="",
        is_deleted=deleted or attr == ITEM_ATTR,
    )
    return with_digest(made)


def drawn(
    categories: Sequence[str],
    items: Sequence[str],
    most: int,
    deleted: st.SearchStrategy[bool] | None = None,
) -> st.SearchStrategy[list[KnowledgeRow]]:
    """Rows of few items, attributes and versions, so that they meet."""
    made = st.builds(
        row,
        attr=st.sampled_from(["form", "origin", ITEM_ATTR]),
        version=st.integers(1, 5),
        text=st.sampled_from(["a", "b"]),
        category=st.sampled_from(categories),
        deleted=st.just(False) if deleted is None else deleted,
        item=st.sampled_from(items),
    )
    return st.lists(made, max_size=most)


def present(store: KnowledgeStore) -> dict[tuple[str, str], KnowledgeRow]:
    """Every row that a store holds."""
    return {(one.item_id, attr): one for state in store.states() for attr, one in state.rows.items()}


ROWS = st.lists(
    st.builds(
        row,
        attr=st.sampled_from(["form", "origin", "grade", ITEM_ATTR]),
        version=st.integers(1, 6),
        text=st.sampled_from(["a", "b"]),
        category=st.sampled_from(["tea", "cup", "pot"]),
        deleted=st.booleans(),
    ),
    min_size=1,
    max_size=16,
)


def run(batches: Sequence[Sequence[KnowledgeRow]], limits: HistoryLimits = KEEP) -> tuple[ItemState, History]:
    """Apply batches one after the other, known at 10, 20, ... ms."""
    state, history = EMPTY, History()
    for number, batch in enumerate(batches, 1):
        step = apply_rows(state, ItemRows("i", tuple(batch), number * 10), limits)
        if step is not None:
            state = step.state
            history.update(step.earlier)
            for gone in step.dropped:
                history.pop(gone, None)
    return state, history


def cut(rows: Sequence[KnowledgeRow], at: Sequence[int]) -> list[list[KnowledgeRow]]:
    bounds = [0, *sorted(at), len(rows)]
    return [list(rows[begin:end]) for begin, end in pairwise(bounds)]


@given(ROWS, st.data())
def test_any_order_repetition_and_batching_ends_in_settle_of_all(
    rows: list[KnowledgeRow], data: st.DataObject
) -> None:
    arrival = data.draw(st.permutations([*rows, *rows[: len(rows) // 2]]))
    batches = cut(arrival, data.draw(st.lists(st.integers(0, len(arrival)), max_size=6)))
    state, _ = run([*batches, *batches[: len(batches) // 2]])
    assert {("i", attr): found for attr, found in state.rows.items()} == settle(rows)


@given(ROWS, st.data())
def test_what_was_known_at_any_time_is_settle_of_what_had_come_by_then(
    rows: list[KnowledgeRow], data: st.DataObject
) -> None:
    batches = cut(rows, data.draw(st.lists(st.integers(0, len(rows)), max_size=6)))
    state, history = run(batches)
    for number in range(len(batches) + 1):
        come = [one for batch in batches[:number] for one in batch]
        expected = {found.attr_id: found for found in settle(come).values() if found.attr_id != MOVED_ATTR}
        shown = {found.attr_id: found for found in rows_at(state, history, number * 10 + 9)}
        assert shown == expected


@given(ROWS, st.data(), st.integers(0, 3))
def test_bounded_history_is_exact_where_it_answers(
    rows: list[KnowledgeRow], data: st.DataObject, earlier_rows: int
) -> None:
    batches = cut(rows, data.draw(st.lists(st.integers(0, len(rows)), max_size=8)))
    whole, everything = run(batches)
    state, history = run(batches, HistoryLimits(earlier_rows, 1_000))
    assert state.rows == whole.rows
    assert all(len(times) <= earlier_rows + 1 for times in state.known.values())
    assert len(history) == sum(len(times) - 1 for times in state.known.values())
    for moment_ms in range(0, 100, 5):
        if moment_ms >= state.exact_from_ms:
            assert rows_at(state, history, moment_ms) == rows_at(whole, everything, moment_ms)
        else:
            with pytest.raises(HistoryGone):
                rows_at(state, history, moment_ms)


def test_every_arrival_of_a_move_a_takedown_and_a_return_ends_in_one_state() -> None:
    moves = [row("form", 1), row("origin", 2, category="cup"), row("origin", 3), row(ITEM_ATTR, 2)]
    states = [run([[one] for one in arrival])[0].rows for arrival in permutations(moves)]
    assert all(found == states[0] for found in states)
    assert {attr: found.is_deleted for attr, found in states[0].items()} == {
        "form": True,
        "origin": False,
        ITEM_ATTR: True,
        MOVED_ATTR: True,
    }
    assert states[0]["form"].digest.endswith(RETIRED)


def test_losers_and_repetitions_change_nothing() -> None:
    state, _ = run([[row("form", 2)]])
    assert apply_rows(state, ItemRows("i", (row("form", 2), row("form", 1, "old")), 99), KEEP) is None


def test_clocks_that_go_back_do_not_reorder_history() -> None:
    state, history = EMPTY, History()
    for version, known_ms in ((1, 100), (2, 50), (3, 50)):
        step = apply_rows(state, ItemRows("i", (row("form", version),), known_ms), KEEP)
        assert step is not None
        state = step.state
        history.update(step.earlier)
    assert state.known == {"form": (100, 101, 102)}
    assert [found.version for moment in (100, 101, 102) for found in rows_at(state, history, moment)] == [
        1,
        2,
        3,
    ]


def test_rows_older_than_the_days_kept_go_but_the_one_that_held_at_the_horizon() -> None:
    state, dropped = EMPTY, []
    for version, day in ((1, 0), (2, 1), (3, 2), (4, 100)):
        step = apply_rows(state, ItemRows("i", (row("form", version),), day * DAY_MS), HistoryLimits(20, 90))
        assert step is not None
        state = step.state
        dropped += step.dropped
    assert state.known == {"form": (2 * DAY_MS, 100 * DAY_MS)}
    assert dropped == [("form", 0), ("form", DAY_MS)]
    assert state.exact_from_ms == 2 * DAY_MS


def test_a_whole_state_from_a_table_says_nothing_of_before() -> None:
    step = apply_rows(EMPTY, ItemRows("i", (row("form", 1),), 50, complete_ms=70), KEEP)
    assert step is not None
    assert [found.attr_id for found in rows_at(step.state, {}, 70)] == ["form"]
    with pytest.raises(HistoryGone, match="from 70 on"):
        rows_at(step.state, {}, 69)


def test_a_lost_piece_of_history_is_told_not_guessed() -> None:
    state, _ = run([[row("form", 1)], [row("form", 2)]])
    with pytest.raises(HistoryGap, match="form as of 10 is missing"):
        rows_at(state, {}, 15)


def test_category_is_that_of_the_newest_row_and_none_without_living_rows() -> None:
    moved, _ = run([[row("form", 1)], [row("volume", 2, category="cup")]])
    assert category_of(moved.rows.values()) == "cup"
    gone, _ = run([[row("form", 1)], [row(ITEM_ATTR, 2)]])
    assert category_of(gone.rows.values()) is None
    assert category_of([replace(row("form", 1), is_deleted=True)]) is None
