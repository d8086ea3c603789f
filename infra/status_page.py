"""A small HTTP page of a long-running job: `/health`, `/status` (JSON) and `/metrics` (Prometheus)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import urlopen

OK, SICK, UNKNOWN = 200, 503, 404
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@contextmanager
def status_page(
    host: str,
    port: int,
    told: Callable[[], Mapping[str, object]],
    metrics: Callable[[Mapping[str, object]], str],
) -> Iterator[int]:
    """Serve the page while the block runs; yields the port (0 asks for any free one).

    `/health` answers 503 while `told` has a `problem`. Errors: OSError where the port is taken.
    """

    class Page(BaseHTTPRequestHandler):
        """Answers one request."""

        def do_GET(self) -> None:
            """Answer with what is told now."""
            code, kind, text = _page(self.path.partition("?")[0], told, metrics)
            body = text.encode("utf-8")
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a check every few seconds would fill the log."""

    server = ThreadingHTTPServer((host, port), Page)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="status page", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def _page(
    path: str, told: Callable[[], Mapping[str, object]], metrics: Callable[[Mapping[str, object]], str]
) -> tuple[int, str, str]:
    """Status, kind and text of the page at a path."""
    if path == "/health":
        problem = told().get("problem")
        return SICK if problem else OK, "text/plain", str(problem or "ok")
    if path == "/status":
        return OK, "application/json", json.dumps(told())
    if path == "/metrics":
        return OK, METRICS_TYPE, metrics(told())
    return UNKNOWN, "text/plain", "no such page"


def look(url: str, timeout_s: float = 2.0) -> dict[str, object] | None:
    """What the page at `url` (without a path) tells; None where nobody answers."""
    try:
        with urlopen(f"{url}/status", timeout=timeout_s) as reply:
            found = json.load(reply)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def healthy(url: str, timeout_s: float = 2.0) -> bool:
    """Whether the page at `url` says that all is well."""
    try:
        with urlopen(f"{url}/health", timeout=timeout_s) as reply:
            return bool(reply.status == OK)
    except (HTTPError, OSError):
        return False
