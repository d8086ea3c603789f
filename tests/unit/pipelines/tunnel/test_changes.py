"""Changes of any history, batch by batch, replay into the settled state."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from pipelines.tunnel.changes import RowChange, gaps, merge_into, replay
from schemas.change import Change
from tests.unit.pipelines.tunnel.knowledge_rows import drawn_rows, knowledge_row
from udfs.version import ITEM_ATTR, MOVED_ATTR, settle


def merged(state, batch):
    """A state and the changes after one batch, item by item as the merge does it."""
    state, changes = state
    state = dict(state)
    for item in sorted({row.item_id for row in batch}):
        present = [row for key, row in state.items() if key[0] == item]
        for change in merge_into(present, [row for row in batch if row.item_id == item]):
            after = change.after
            changes = [
                *changes,
                Change(after.item_id, after.attr_id, "c", len(changes), change.before, after),
            ]
            state[after.item_id, after.attr_id] = after
    return state, changes


@given(st.lists(drawn_rows(), max_size=5), st.randoms(use_true_random=False))
def test_any_history_ends_in_the_settled_state_and_so_do_its_changes(batches, random):
    again = [*batches, *random.sample(batches, len(batches) // 2)]
    state, changes = reduce(merged, again, ({}, []))
    assert state == settle([row for batch in batches for row in batch])
    told = [*changes, *random.sample(changes, len(changes) // 2)]
    random.shuffle(told)
    assert replay(told) == state


@given(drawn_rows())
def test_a_batch_that_comes_again_changes_nothing(batch):
    state, changes = merged(({}, []), batch)
    assert merged((state, changes), batch) == (state, changes)


@given(drawn_rows(), drawn_rows())
def test_each_change_begins_where_the_one_before_ended(first, second):
    state, changes = merged(merged(({}, []), first), second)
    last: dict = {}
    for change in changes:
        key = (change.item_id, change.attr_id)
        assert change.before == last.get(key)
        assert change.before != change.after
        last[key] = change.after
    assert last == state


def test_a_row_that_only_is_newer_changes_and_says_nothing_new():
    old, new = knowledge_row("i", "form", 1), knowledge_row("i", "form", 2)
    assert merge_into([old], [new]) == [RowChange(old, new)]
    assert not RowChange(old, new).says_something_new
    assert RowChange(None, new).says_something_new
    assert RowChange(old, knowledge_row("i", "form", 2, "bag")).says_something_new
    assert merge_into([new], [old, new]) == []


def test_what_an_item_leaves_behind_is_told_too():
    tea = [knowledge_row("i", name, 1) for name in ("form", "leaf")]
    told = merge_into(tea, [knowledge_row("i", "volume", 2, category="cup")])
    assert {change.after.attr_id: change.after.is_deleted for change in told} == {
        "form": True,
        "leaf": True,
        "volume": False,
        MOVED_ATTR: True,
    }
    down = merge_into(tea, [knowledge_row("i", ITEM_ATTR, 3, category="", deleted=True)])
    assert all(change.after.is_deleted for change in down)


def test_replay_goes_on_from_a_snapshot():
    base, newer = knowledge_row("i", "form", 1), knowledge_row("i", "form", 2)
    other = knowledge_row("j", "form", 1)
    found = replay([Change("i", "form", "c", 7, base, newer)], {("i", "form"): base, ("j", "form"): other})
    assert found == {("i", "form"): newer, ("j", "form"): other}


def test_gaps_tell_lost_numbers():
    assert gaps([]) == gaps([4]) == gaps([4, 5, 5, 6]) == []
    assert gaps([9, 1, 3, 4]) == [(2, 2), (5, 8)]
