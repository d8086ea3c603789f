"""One writer a table: a file lock held by the process that writes, which is Spark's JVM."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

POLL_S = 0.5
_FLOCK = "hhqqi"
"""C's struct flock on 64-bit Linux: type, whence, start, length, pid."""


class TableLocked(RuntimeError):
    """Another process writes the table. The message names it."""


@contextmanager
def table_lock(
    spark: SparkSession,
    table: Path,
    purpose: str,
    wait_s: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
    told: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Be the table's only writer, waiting up to `wait_s` for another one to end. `told`: for `holder_of`.

    The JVM takes the lock (a POSIX lock, as Python's fcntl.lockf takes), because it is the JVM that writes: killed
    with kill -9, a Python driver leaves its JVM alive for a moment, and the kernel frees the lock when that ends.
    Errors: TableLocked, naming the holder.
    """
    path = lock_path(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    channel = _acquire(spark, path, wait_s, sleep)
    try:
        path.write_text(json.dumps({**(told or {}), **_holder(spark, purpose)}) + "\n", "utf-8")
        yield
    finally:
        channel.close()


def lock_path(table: Path) -> Path:
    """The lock file of a table, beside it."""
    return table.with_name(f"{table.name}.lock")


def holder_of(table: Path) -> Mapping[str, Any] | None:
    """What the process that writes the table says of itself; None where none does, or it has not said it yet.

    Only asks the kernel, takes nothing: a writer that begins at this moment is not kept away.
    """
    try:
        with lock_path(table).open("r+b") as file:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))[0]
            found = json.loads(file.read()) if kind != fcntl.F_UNLCK else None
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _acquire(spark: SparkSession, path: Path, wait_s: float, sleep: Callable[[float], None]) -> Any:
    """An open channel that holds the lock."""
    deadline = time.monotonic() + wait_s
    while True:
        channel = _open(spark, path)
        if _try_lock(channel):
            return channel
        if time.monotonic() >= deadline:
            raise TableLocked(
                f"{path.with_suffix('')} is being written by {_described(path)}: wait for it, or end that process"
            )
        sleep(POLL_S)


def _try_lock(channel: Any) -> bool:
    try:
        if channel.tryLock() is not None:
            return True
    except Py4JJavaError as error:
        if "OverlappingFileLockException" in error.java_exception.getClass().getName():
            # Another thread of this JVM holds it, and closing any channel of the file would free its lock.
            return False
        raise
    channel.close()
    return False


def _open(spark: SparkSession, path: Path) -> Any:
    jvm: Any = spark.sparkContext._jvm
    gateway: Any = spark.sparkContext._gateway
    options = gateway.new_array(jvm.java.nio.file.OpenOption, 2)
    options[0] = jvm.java.nio.file.StandardOpenOption.CREATE
    options[1] = jvm.java.nio.file.StandardOpenOption.WRITE
    return jvm.java.nio.channels.FileChannel.open(jvm.java.io.File(str(path.resolve())).toPath(), options)


def _holder(spark: SparkSession, purpose: str) -> dict[str, Any]:
    jvm: Any = spark.sparkContext._jvm
    return {
        "pid": os.getpid(),
        "jvm_pid": jvm.java.lang.ProcessHandle.current().pid(),
        "host": socket.gethostname(),
        "purpose": purpose,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _described(path: Path) -> str:
    """The holder as it wrote itself down; it may not have come to that yet."""
    try:
        found = json.loads(path.read_text("utf-8"))
        return f"process {found['pid']} on {found['host']} ({found['purpose']}, since {found['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
