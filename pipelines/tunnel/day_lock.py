"""One run of a day at a time: a second one would do the same work twice and sweep away what the first is writing (T7)."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from pipelines.tunnel.plan_folder import day_folder

WAIT_S = 30.0
"""A killed run's last process may need a moment to go."""
POLL_S = 0.5


class DayBusy(RuntimeError):
    """Another process works at the same day. The message names it."""


def lock_path(warehouse: Path, day: str) -> Path:
    """The day's lock; beside its folder, which may be deleted to begin again."""
    folder = day_folder(warehouse, day)
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def day_lock(
    warehouse: Path, day: str, wait_s: float = WAIT_S, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Be the only one that works at a day; the kernel frees the lock when this process ends, however it ends.

    Errors: DayBusy after `wait_s`; OSError where the warehouse cannot be written.
    """
    path = lock_path(warehouse, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + wait_s
        while not _try_lock(file):
            if time.monotonic() >= deadline:
                raise DayBusy(f"day {day} is being worked on by {_holder(path)}: wait for it, or end it")
            sleep(POLL_S)
        file.truncate(0)
        file.write(f"process {os.getpid()}, since {datetime.now(UTC).isoformat(timespec='seconds')}")
        file.flush()
        yield


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    return path.read_text("utf-8", "replace") or "another process"
