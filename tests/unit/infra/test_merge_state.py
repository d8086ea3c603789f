"""The merge's state: whole commits in, changes out in order, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.merge_state import MergeState, StateHead, StoredChange

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = ("a\nb", 'quote"', "茶" * 200, "x" * 200, "_", "\u2028")


@pytest.fixture
def state(tmp_path):
    with MergeState.open(tmp_path / "state") as opened:
        yield opened


def stored(item, number):
    return StoredChange(item, json.dumps({"item_id": item, "commit": f"c{number}"}).encode())


def test_a_commit_enters_whole(state):
    assert state.head() == StateHead(None, None, 0)
    state.begin_rebuild("table-1")
    assert state.head() == StateHead("table-1", None, 0)
    state.end_rebuild("")
    items = {item: [b'{"n":1}', item.encode()[:3]] for item in HOSTILE if "\n" not in item}
    assert state.apply("c1", items, [stored(item, 1) for item in HOSTILE]) == 0
    assert state.head() == StateHead("table-1", "c1", len(HOSTILE))
    assert state.rows([*HOSTILE, "absent"]) == items
    assert sorted(state.all_rows()) == sorted(row for rows in items.values() for row in rows)
    messages = state.pending(100)
    assert [(one.sequence, one.item_id) for one in messages] == list(enumerate(HOSTILE))
    assert json.loads(messages[1].message) == {"sequence": 1, "item_id": HOSTILE[1], "commit": "c1"}


def test_changes_go_in_order_and_only_what_arrived_is_forgotten(state):
    state.apply("c1", {}, [stored("i", number) for number in range(5)], first_sequence=250)
    assert [one.sequence for one in state.pending(2)] == [250, 251]
    state.published(251)
    state.apply("c2", {}, [stored("j", 9)])
    assert [one.sequence for one in state.pending(9)] == [252, 253, 254, 255]
    assert state.unpublished() == 4
    state.published(255)
    assert (state.pending(9), state.unpublished()) == ([], 0)


def test_a_rebuild_begins_empty_and_keeps_what_is_to_be_published(state):
    state.apply("c1", {"i": [b"old"]}, [stored("i", 1)])
    state.begin_rebuild("table-2")
    state.fill({"j": [b"new"]})
    assert state.head().commit is None
    state.end_rebuild("c7")
    assert state.head() == StateHead("table-2", "c7", 1)
    assert state.rows(["i", "j"]) == {"j": [b"new"]}
    assert state.unpublished() == 1


def test_files_wait_in_the_order_they_came(state):
    state.add_files(["a", "b"])
    state.add_files(["c"])
    assert state.next_file() == (1, "a")
    assert state.next_file(2) == (3, "c")
    for number in (1, 2, 3):
        state.file_done(number)
    assert state.next_file() is None
    state.add_files(["d"])
    assert (state.next_file(3), state.waiting_files()) == ((4, "d"), 1)


def test_items_are_told_again_once(state):
    state.ask_again(["i", "茶" * 200, "i"])
    assert set(state.asked_again(9)) == {"i", "茶" * 200}
    state.tell_again(["i"], [stored("i", 1)])
    assert (state.asked_again(9), state.unpublished()) == (["茶" * 200], 1)


WRITER = """
import sys
from infra.merge_state import MergeState, StoredChange
from pathlib import Path
state = MergeState.open(Path(sys.argv[1]))
for number in range(10**6):
    rows = {f"i{at}": [b"%d" % number] for at in range(20)}
    state.apply(f"{number:09}", rows, [StoredChange("i", b"{}")] * 3)
    print(number, flush=True)
"""


def test_killed_at_any_moment_it_is_the_state_of_one_commit(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "state")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        for _ in range(30):
            assert process.stdout is not None
            last = int(process.stdout.readline())
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with MergeState.open(tmp_path / "state") as state:
        number = int(state.head().commit or -1)
        assert number >= last
        assert state.rows(f"i{at}" for at in range(20)) == {f"i{at}": [b"%d" % number] for at in range(20)}
        assert state.head().sequence == state.unpublished() == 3 * (number + 1)
