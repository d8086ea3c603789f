"""Records and lock of the local stack."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infra.local import state
from infra.local.process import ProcessId
from infra.local.state import Running, StateError

ROOT = Path(__file__).parents[3]
RUNNING = Running("kafka", ProcessId(12, 345, "boot"), 1.5, "abc", (19092, 19093), "/x/kafka.log", None)
HOLD_LOCK = (
    "import pathlib, sys, time; from infra.local import state\n"
    "with state.locked(pathlib.Path(sys.argv[1]), lambda holder: None):\n"
    "    print('held', flush=True); time.sleep(60)\n"
)


def hold_lock(folder: Path) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_record_is_read_as_it_was_written_and_forgotten(tmp_path: Path) -> None:
    state.save(tmp_path / "new", RUNNING)
    assert state.load(tmp_path / "new", "kafka") == RUNNING
    assert state.load(tmp_path / "new", "encoder") is None
    state.forget(tmp_path / "new", "kafka")
    assert state.load(tmp_path / "new", "kafka") is None
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": "kafka"}', "\x00"])
def test_a_foreign_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "kafka.json").write_text(text)
    with pytest.raises(StateError, match=r"kafka\.json cannot be read"):
        state.load(tmp_path, "kafka")


def test_the_lock_makes_a_second_command_wait_and_names_the_first(tmp_path: Path) -> None:
    holder = hold_lock(tmp_path)
    seen: list[str] = []
    entered = threading.Event()

    def second() -> None:
        with state.locked(tmp_path, seen.append):
            entered.set()

    waiter = threading.Thread(target=second)
    waiter.start()
    assert not entered.wait(0.5)
    assert seen == [str(holder.pid)]
    holder.send_signal(signal.SIGINT)
    holder.wait()
    assert entered.wait(10)
    waiter.join()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_holder_does_not_block(tmp_path: Path) -> None:
    holder = hold_lock(tmp_path)
    holder.kill()
    holder.wait()
    assert (tmp_path / "lock").exists()
    with state.locked(tmp_path, lambda holder: pytest.fail(f"waited for {holder}")):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    assert list(tmp_path.iterdir()) == []
