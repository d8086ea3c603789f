"""One child process with a session of its own: started, recognised again later, measured and ended as a whole group.

Linux only (vLLM on CPU is too): identity is read from /proc, so that a recycled pid is never taken for ours.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_S = 0.1
# The child waits for a line before it becomes the real program. If its starter dies before the pid is on
# record, the pipe closes, `read` fails and nothing is left running that nobody knows of.
WAIT_FOR_GO = 'read -r go && exec "$@" </dev/null'
# Linux may share out a core by session first ("autogroup"): there a niceness counts within the session alone.
GIVE_WAY = 'read -r go && { echo "$0" > /proc/self/autogroup; } 2>/dev/null; [ -n "$go" ] && exec nice -n "$0" "$@" </dev/null'


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process that cannot be confused with a later one of the same number.

    Units: start_ticks in clock ticks since the boot that boot_id names.
    """

    pid: int
    start_ticks: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Memory of a whole process group. Units: bytes; pss_bytes counts shared pages once over all processes."""

    processes: int
    rss_bytes: int
    pss_bytes: int


class HeldProcess:
    """A child that waits for `go`; before that it does nothing and dies with its starter."""

    def __init__(self, child: "subprocess.Popen[bytes]", identity: ProcessId) -> None:
        self.identity = identity
        self._child = child

    def go(self) -> None:
        """Let the child become the program it was made for."""
        if self._child.stdin is None:
            raise RuntimeError("the child was started without a pipe")
        self._child.stdin.write(b"go\n")
        self._child.stdin.close()


def hold(argv: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path, niceness: int = 0) -> HeldProcess:
    """Start `argv` in a new session, its output appended to `log`, held until `go` is called.

    `niceness`: how far it gives way to others where cores are short, 0 to 19.
    Errors: OSError when it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            ["/bin/sh", "-c", *((GIVE_WAY, str(niceness)) if niceness else (WAIT_FOR_GO, "sh")), *argv],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    return HeldProcess(child, identify(child.pid))


def identify(pid: int) -> ProcessId:
    """Return the identity of a running process.

    Errors: ProcessLookupError when there is none.
    """
    ticks = _start_ticks(pid)
    if ticks is None:
        raise ProcessLookupError(pid)
    return ProcessId(pid, ticks, boot_id())


def boot_id() -> str:
    """Return the kernel's name for this boot; start ticks are only comparable within one."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def members(identity: ProcessId) -> list[int]:
    """Return the pids of the group that the process leads or led; empty when that group is gone.

    A leader with other start ticks means that the number was given to a stranger: then nothing is ours.
    """
    if identity.boot_id != boot_id():
        return []
    leader_ticks = _start_ticks(identity.pid)
    if leader_ticks not in (None, identity.start_ticks):
        return []
    return [pid for pid in psutil.pids() if _belongs(pid, identity)]


def alive(identity: ProcessId) -> bool:
    """Tell whether the process itself runs (a zombie does not)."""
    return identity.pid in members(identity)


def usage(identity: ProcessId) -> Usage:
    """Sum the memory of the whole group; processes that vanish meanwhile count nothing."""
    rss = pss = count = 0
    for pid in members(identity):
        try:
            memory = psutil.Process(pid).memory_full_info()
        except psutil.Error:
            continue
        count, rss, pss = count + 1, rss + memory.rss, pss + memory.pss
    return Usage(count, rss, pss)


def end_group(identity: ProcessId, grace_s: float) -> bool:
    """End the whole group: TERM, then KILL for what is left after `grace_s`.

    Returns: True when there was something to end. Errors: TimeoutError when even KILL leaves a process.
    """
    if not members(identity):
        return False
    for number, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        _signal_group(identity, number)
        if _wait_gone(identity, patience_s):
            return True
    raise TimeoutError(f"process group {identity.pid} is still there after KILL: {members(identity)}")


def port_free(host: str, port: int) -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def port_holder(port: int) -> str:
    """Describe who listens on a port: 'pid 12 (java ...)', or that it cannot be seen."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            try:
                words = " ".join(psutil.Process(connection.pid).cmdline())
            except psutil.Error:
                words = "already gone"
            return f"pid {connection.pid} ({words[:80]})"
    return "a process of another user"


def _signal_group(identity: ProcessId, number: signal.Signals) -> None:
    """Signal the whole group; that it ended meanwhile is no error."""
    if members(identity):
        with suppress(ProcessLookupError):
            os.killpg(identity.pid, number)


def _wait_gone(identity: ProcessId, patience_s: float) -> bool:
    """Wait until no member is left; collects the leader where it is our own child."""
    deadline = time.monotonic() + patience_s
    while True:
        gone = not members(identity)
        _reap(identity.pid)
        if gone or time.monotonic() > deadline:
            return gone
        time.sleep(POLL_S)


def _reap(pid: int) -> None:
    """Collect the exit status of a child of this process, so that it is no zombie."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _belongs(pid: int, identity: ProcessId) -> bool:
    """Tell whether a live process is of the group and not older than its leader."""
    stat = _stat(pid)
    if stat is None:
        return False
    state, group, ticks = stat
    return group == identity.pid and state not in "ZX" and ticks >= identity.start_ticks


def _start_ticks(pid: int) -> int | None:
    stat = _stat(pid)
    return None if stat is None else stat[2]


def _stat(pid: int) -> tuple[str, int, int] | None:
    """Read (state, process group, start ticks) of /proc/PID/stat; None when there is no such process.

    The second field is the program's name in brackets and may hold anything, so fields count from its end.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    rest = text[text.rindex(")") + 2 :].split()
    return rest[0], int(rest[2]), int(rest[19])
