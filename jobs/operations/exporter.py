"""The page of numbers for Prometheus: a look every few seconds, so that a request never waits for a part."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from infra.status_page import status_page
from jobs.operations.look import Looker
from pipelines.tunnel.operations import Part, page, samples_of

STALE_LOOKS = 5


@dataclass
class Newest:
    """The newest look. Safe for several threads. Units: Unix ms; `every_ms`: between looks."""

    now_ms: Callable[[], int]
    every_ms: int
    _parts: list[Part] = field(default_factory=list)
    _looked_ms: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, parts: list[Part]) -> None:
        """Take a look that was just made."""
        with self._lock:
            self._parts, self._looked_ms = parts, self.now_ms()

    def told(self) -> dict[str, object]:
        """The parts as JSON holds them; `problem` where there is no look, or only an old one."""
        with self._lock:
            parts, looked_ms = self._parts, self._looked_ms
        problem = None
        if looked_ms is None:
            problem = "starting"
        elif self.now_ms() - looked_ms > STALE_LOOKS * self.every_ms:
            problem = "the parts have not been looked at for a while"
        return {"problem": problem, "looked_ms": looked_ms, "parts": [asdict(part) for part in parts]}

    def page(self, _told: Mapping[str, object]) -> str:
        """Prometheus' text."""
        with self._lock:
            return page(samples_of(self._parts, self._looked_ms or 0))


def serve_metrics(
    looker: Looker, newest: Newest, host: str, port: int, stop: threading.Event, say: Callable[[str], None]
) -> None:
    """Look and serve until `stop` is set. Errors: OSError where the port is taken."""
    with status_page(host, port, newest.told, newest.page) as found:
        say(f"metrics at http://{host}:{found}/metrics; also /status (JSON) and /health")
        while not stop.is_set():
            newest.keep(looker.look())
            stop.wait(newest.every_ms / 1000)
