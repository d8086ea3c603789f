"""Files that are whole or not there, and locks that a dead process cannot keep."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.ontology.errors import OntologyBusy

PARTIAL = ".partial-"
POLL_S = 0.05


def sync(path: Path) -> None:
    """Make a file's or a folder's content survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file under another name, then rename it to `path`."""
    partial = path.with_name(f"{PARTIAL}{path.name}.{os.getpid()}")
    try:
        write(partial)
        sync(partial)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, renamed to `path` when the block ends well and removed when it does not.

    Errors: OSError when `path` is already there and not empty.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{PARTIAL}{path.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        for file in partial.rglob("*"):
            sync(file)
        sync(partial)
        partial.rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync(path.parent)


def remove_partial(folder: Path) -> None:
    """Remove what killed writers left in a folder. Only under the lock of its writers."""
    for path in folder.glob(f"{PARTIAL}*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold an exclusive lock on a file; the system frees it when the process ends, however it ends.

    Errors: OntologyBusy after `timeout_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    end_s = time.monotonic() + timeout_s
    with path.open("a+") as file:
        while not _try_lock(file.fileno()):
            if time.monotonic() >= end_s:
                raise OntologyBusy(
                    f"{path} has been held by another process for {timeout_s:g} s: wait for it, or end it"
                )
            time.sleep(POLL_S)
        yield


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
