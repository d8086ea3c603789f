"""Processes of the local stack, with real children: started, recognised, measured, ended as a group."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local import process
from infra.local.process import ProcessId

Start = Callable[..., ProcessId]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command as the stack would; whatever is left is killed afterwards."""
    begun: list[ProcessId] = []

    def run(*argv: str) -> ProcessId:
        held = process.hold(argv, os.environ, tmp_path / "log", tmp_path)
        begun.append(held.identity)
        held.go()
        return held.identity

    yield run
    for identity in begun:
        process.end_group(identity, grace_s=0.0)


def until(true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)


def test_a_held_process_does_nothing_before_go(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    held = process.hold(("touch", str(mark)), os.environ, tmp_path / "log", tmp_path)
    time.sleep(0.2)
    assert not mark.exists()
    held.go()
    until(mark.exists)
    process.end_group(held.identity, grace_s=1.0)


def test_a_held_process_dies_with_its_starter(tmp_path: Path) -> None:
    """A crash between start and record must leave nothing: no one would know the pid."""
    mark = tmp_path / "mark"
    code = (
        "import os, pathlib, sys; from infra.local.process import hold;"
        f"held = hold(('touch', {str(mark)!r}), os.environ, pathlib.Path({str(tmp_path / 'log')!r}),"
        f" pathlib.Path({str(tmp_path)!r})); print(held.identity.pid, flush=True); os._exit(9)"
    )
    starter = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert starter.returncode == 9, starter.stderr
    pid = int(starter.stdout)
    until(lambda: not Path(f"/proc/{pid}/stat").exists() or _state(pid) == "Z")
    assert not mark.exists()


def test_the_child_is_the_command_itself_with_log_and_folder(start: Start, tmp_path: Path) -> None:
    identity = start("/bin/sh", "-c", 'echo "$PPID $(pwd)"; echo oops >&2; sleep 60')
    until(lambda: (tmp_path / "log").read_text().count("\n") == 2)
    assert (tmp_path / "log").read_text() == f"{os.getpid()} {tmp_path}\noops\n"
    assert os.getsid(identity.pid) == identity.pid


def test_a_child_gives_way_to_others_and_still_waits_for_go(tmp_path: Path) -> None:
    groups = Path("/proc/self/autogroup")  # not every Linux has it
    code = "import os; print('nice', os.getpriority(os.PRIO_PROCESS, 0))"
    code += f"; print(open({str(groups)!r}).read())" if groups.exists() else ""
    log, command = tmp_path / "log", (sys.executable, "-c", code, "a 'word'")
    held = process.hold(command, os.environ, log, tmp_path, niceness=7)
    time.sleep(0.2)
    assert log.read_text() == "", "it must not run before it is on record"
    held.go()
    until(lambda: "nice" in log.read_text())
    process.end_group(held.identity, grace_s=1.0)
    assert log.read_text().split()[:2] == ["nice", "7"] and log.read_text().split()[-1] == "7"


def test_a_running_process_is_alive_and_a_killed_one_is_not(start: Start) -> None:
    identity = start("sleep", "60")
    assert process.alive(identity)
    os.kill(identity.pid, signal.SIGKILL)
    until(lambda: not process.alive(identity))
    assert process.members(identity) == []
    assert process.end_group(identity, grace_s=1.0) is False


@pytest.mark.parametrize("change", [{"start_ticks": -1}, {"boot_id": "another boot"}])
def test_a_recycled_pid_is_never_ended(start: Start, change: dict[str, object]) -> None:
    """The record names a process that is gone; its number now belongs to a stranger."""
    stranger = start("sleep", "60")
    recorded = replace(stranger, **change)  # type: ignore[arg-type]
    assert not process.alive(recorded)
    assert process.members(recorded) == []
    assert process.end_group(recorded, grace_s=0.0) is False
    assert process.alive(stranger)


def test_the_whole_group_is_ended(start: Start) -> None:
    identity = start("/bin/sh", "-c", "sleep 60 & sleep 60 & wait")
    until(lambda: len(process.members(identity)) == 3)
    pids = process.members(identity)
    assert process.end_group(identity, grace_s=5.0) is True
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists() and _state(pid) != "Z"] == []


def test_orphans_of_a_killed_leader_are_found_and_ended(start: Start) -> None:
    """kill -9 of a server leaves its workers: they still belong to the component."""
    identity = start("/bin/sh", "-c", "sleep 60 & sleep 60 & wait")
    until(lambda: len(process.members(identity)) == 3)
    os.kill(identity.pid, signal.SIGKILL)
    until(lambda: len(process.members(identity)) == 2)
    assert not process.alive(identity)
    assert process.end_group(identity, grace_s=5.0) is True
    assert process.members(identity) == []


def test_kill_follows_for_one_that_ignores_term(start: Start, tmp_path: Path) -> None:
    identity = start("/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done")
    until(lambda: (tmp_path / "log").read_text() == "ready\n")
    begun = time.monotonic()
    assert process.end_group(identity, grace_s=0.5) is True
    assert time.monotonic() - begun >= 0.5
    assert process.members(identity) == []


def test_a_program_name_with_brackets_does_not_confuse(start: Start, tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    shutil.copy("/bin/sleep", program)
    identity = start(str(program), "60")
    until(lambda: Path(f"/proc/{identity.pid}/comm").read_text().startswith("a) R 1"))
    assert process.members(identity) == [identity.pid]


def test_usage_sums_the_group(start: Start) -> None:
    identity = start("/bin/sh", "-c", "sleep 60 & sleep 60 & wait")
    until(lambda: len(process.members(identity)) == 3)
    used = process.usage(identity)
    assert used.processes == 3
    assert 0 < used.pss_bytes <= used.rss_bytes < 100 * 2**20


def test_a_busy_port_names_its_holder() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert not process.port_free("127.0.0.1", port)
        assert process.port_holder(port).startswith(f"pid {os.getpid()} (")
    assert process.port_free("127.0.0.1", port)


def test_identify_refuses_a_pid_that_is_not_there() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(ProcessLookupError):
        process.identify(gone.pid)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    except FileNotFoundError:
        return "gone"
