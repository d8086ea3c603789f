"""Reconciliation: what differs is named, what is only on its way is not, and what stays is told."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tunnel.reconcile import (
    Difference,
    Divergence,
    Fingerprint,
    Mark,
    ReconcileConfig,
    differences,
    fingerprint,
    fold,
    mark_of,
    reconcile,
    replay_differences,
)
from schemas.change import Change
from tests.unit.pipelines.tunnel.knowledge_rows import knowledge_row

QUICK = ReconcileConfig(looks=4, pause_s=3)
MARKS = st.lists(
    st.builds(
        Mark, st.sampled_from("abcdefgh"), st.sampled_from("xy"), st.integers(1, 3), st.sampled_from("pq")
    ),
    unique_by=lambda mark: mark[:2],
)


def rows_of(*marks):
    return lambda: iter(marks)


@given(MARKS, MARKS, st.randoms(use_true_random=False))
def test_exactly_the_rows_that_differ_are_named(table, other, random):
    mine, theirs = ({mark[:2]: mark for mark in marks} for marks in (table, other))
    expected = {key for key in {*mine, *theirs} if mine.get(key) != theirs.get(key)}
    random.shuffle(other)
    found = differences("store", rows_of(*table), rows_of(*other))
    assert {one[1:3] for one in found} == expected
    assert all((one.table, one.other) == (mine.get(one[1:3]), theirs.get(one[1:3])) for one in found)


@given(MARKS)
def test_a_fingerprint_does_not_depend_on_the_order_and_undoes_itself(marks):
    total = fingerprint(marks)
    assert total == fingerprint(reversed(marks))
    for mark in marks:
        total.add(mark, -1)
    assert total == Fingerprint()


def test_who_is_ahead():
    old, new = Mark("i", "form", 1, "z"), Mark("i", "form", 2, "a")
    assert Difference("store", "i", "form", new, old).table_is_ahead
    assert Difference("store", "i", "form", new, None).table_is_ahead
    assert not Difference("store", "i", "form", old, new).table_is_ahead
    assert not Difference("store", "i", "form", None, new).table_is_ahead
    assert "version 2, digest a; store absent" in str(Difference("store", "i", "form", new, None))


def history(seed, count=60):
    """A table, the changes that made it from a base, and the base."""
    chance = random.Random(seed)
    state, base, changes = {}, None, []
    for number in range(count):
        if number == count // 3:
            base, changes = fingerprint(map(mark_of, state.values())), []
        row = knowledge_row(chance.choice("abcdefghij"), chance.choice(["form", "origin"]), number + 1)
        key = (row.item_id, row.attr_id)
        changes.append(Change(*key, "c", number, state.get(key), row))
        state[key] = row
    new = {(change.item_id, change.attr_id) for change in changes}
    table = [(mark_of(row), key in new) for key, row in state.items()]
    return base, changes, table


@pytest.mark.parametrize("seed", range(5))
def test_a_whole_replay_differs_in_nothing(seed):
    base, changes, table = history(seed)
    told = [*changes, *changes[::3]]
    random.Random(seed).shuffle(told)
    assert replay_differences(base, fold(told), rows_of(*table)) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_lost_change_is_named_where_it_was_the_last_of_its_row(seed):
    base, changes, table = history(seed)
    last = changes[-1]
    found = replay_differences(base, fold(changes[:-1]), rows_of(*table))
    assert [(one.item_id, one.attr_id, one.table) for one in found] == [
        (last.item_id, last.attr_id, mark_of(last.after))
    ]
    assert found[0].table_is_ahead


def test_a_row_that_the_table_lost_is_named():
    base, changes, table = history(1)
    lost = next(mark for mark, is_new in table if is_new)
    found = replay_differences(base, fold(changes), rows_of(*[row for row in table if row[0] != lost]))
    assert [(one.table, one.other) for one in found] == [(None, lost)]


def test_a_row_that_changed_without_any_commit_is_found():
    base, changes, table = history(2)
    at, spoiled = next((at, mark) for at, (mark, is_new) in enumerate(table) if not is_new)
    table[at] = (spoiled._replace(version=spoiled.version + 1), False)
    found = replay_differences(base, fold(changes), rows_of(*table))
    assert spoiled.item_id in {one.item_id for one in found}


def test_a_row_told_again_is_as_good_as_the_change_that_was_lost():
    base, changes, table = history(3)
    last = changes[-1]
    again = Change(last.item_id, last.attr_id, "c", 1_000, last.after, last.after)
    told = fold([*changes[:-1], again])
    assert replay_differences(base, told, rows_of(*table), {last.item_id}) == []


class Looks:
    """Answers of one look after the other; keeps what was repaired."""

    def __init__(self, *answers):
        self.answers, self.repaired, self.pauses, self.told = list(answers), [], [], []

    def look(self, repaired):
        self.told.append(set(repaired))
        return 7, list(self.answers.pop(0))

    def run(self):
        return reconcile(self.look, self.repaired.append, self.pauses.append, QUICK)


A, B = (Difference("store", name, "form", Mark(name, "form", 2, "d"), None) for name in "ab")


def test_what_is_only_on_its_way_is_neither_repaired_nor_told():
    looks = Looks([A], [B])
    assert looks.run().repaired == []
    assert (looks.repaired, looks.pauses) == ([], [3])


def test_what_stays_is_repaired_and_looked_at_again():
    looks = Looks([A, B], [A], [])
    done = looks.run()
    assert (done.repaired, done.rows, done.looks) == ([A], 7, 3)
    assert looks.repaired == [[A]]
    assert looks.told == [set(), set(), {"a"}]


def test_what_cannot_be_repaired_is_raised_with_its_rows():
    with pytest.raises(Divergence, match="1 rows differ after repair:\n  a, form: table version 2") as raised:
        Looks([A], [A], [A, B], [A]).run()
    assert raised.value.found == [A]
