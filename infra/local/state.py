"""What the stack remembers between commands: one JSON file per component, and a lock against two commands at once."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.local.process import ProcessId


@dataclass(frozen=True, slots=True)
class Running:
    """A component that was started. Units: started_s in Unix seconds.

    `fingerprint` covers command, settings and model: another one means that the component must be restarted.
    `identity` is the component's: of the merge, its warehouse.
    """

    name: str
    process: ProcessId
    started_s: float
    fingerprint: str
    ports: tuple[int, ...]
    log: str
    model: str | None
    identity: str = ""


class StateError(RuntimeError):
    """The state folder holds something that this program did not write."""


def save(state_dir: Path, running: Running) -> None:
    """Write the record of one component in one step, so that a crash leaves the old or the new one."""
    state_dir.mkdir(parents=True, exist_ok=True)
    path = _path(state_dir, running.name)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(running), indent=2), encoding="utf-8")
    partial.replace(path)


def load(state_dir: Path, name: str) -> Running | None:
    """Read the record of one component; None when it was never started or was stopped.

    Errors: StateError when the file is not such a record.
    """
    path = _path(state_dir, name)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["process"] = ProcessId(**raw["process"])
        raw["ports"] = tuple(raw["ports"])
        return Running(**raw)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"{path} cannot be read ({error}): end its process by hand, then delete it"
        ) from error


def forget(state_dir: Path, name: str) -> None:
    """Remove the record of one component."""
    _path(state_dir, name).unlink(missing_ok=True)


@contextmanager
def locked(state_dir: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the stack's lock; `on_wait` is called once with the holder's pid when another command has it.

    The file goes away with its holder, so after opening it must be checked that it is still the one in place.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    path = state_dir / "lock"
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait(os.read(handle, 32).decode("ascii", "replace").strip() or "unknown")
                fcntl.flock(handle, fcntl.LOCK_EX)
            if not _same_file(handle, path):
                continue
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
            return
        finally:
            os.close(handle)


def _same_file(handle: int, path: Path) -> bool:
    try:
        return os.fstat(handle).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _path(state_dir: Path, name: str) -> Path:
    return state_dir / f"{name}.json"
