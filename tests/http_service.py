"""A service over real HTTP for tests: the production server in a thread, and a plain client."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from jobs.services.serve import http_server
from tests.ports import free_ports

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Asks one service; `key` goes with each request unless other headers are given."""

    port: int
    key: str

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            given = {"Authorization": f"Bearer {self.key}"} if headers is None else dict(headers)
            if raw is not None:
                given["Content-Type"] = "application/json"
            # A server may answer that a body is too long before it has all of it.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, raw, given)
            reply = connection.getresponse()
            return Reply(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        return self.ask("GET", path)

    def post(self, path: str, body: Any) -> Reply:
        return self.ask("POST", path, body)


@contextmanager
def served(app: Any, key: str) -> Iterator[Client]:
    """The application on a free port until the block ends. Errors: TimeoutError."""
    [port] = free_ports(1)
    server = http_server(app, "127.0.0.1", port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the service did not start")
        time.sleep(0.01)
    try:
        yield Client(port, key)
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
