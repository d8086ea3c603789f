"""All parts looked at together, each in a thread, none for longer than a limit: one that hangs is told as slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipelines.tunnel.operations import SICK, SLOW, Part

Probe = Callable[[], Part]


@dataclass
class Looker:
    """Looks at parts. A look that has not come back is waited for by the next one; no second is begun beside it."""

    probes: Mapping[str, Probe]
    limit_s: float
    _under_way: dict[str, tuple[threading.Thread, list[Part]]] = field(default_factory=dict)

    def begin(self) -> float:
        """Begin to look at every part; the time by which `end` returns."""
        for name, probe in self.probes.items():
            if name not in self._under_way:
                self._under_way[name] = _begun(name, probe)
        return time.monotonic() + self.limit_s

    def end(self, deadline: float) -> list[Part]:
        """Every part, in the order of `probes`. Not for two threads at once."""
        return [self._part(name, deadline) for name in self.probes]

    def look(self) -> list[Part]:
        """Every part; never longer than `limit_s`."""
        return self.end(self.begin())

    def _part(self, name: str, deadline: float) -> Part:
        thread, found = self._under_way[name]
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            return Part(name, SLOW, f"no answer within {self.limit_s:g} s")
        del self._under_way[name]
        return found[0]


def _begun(name: str, probe: Probe) -> tuple[threading.Thread, list[Part]]:
    found: list[Part] = []

    def run() -> None:
        try:
            found.append(probe())
        except Exception as error:  # whatever a part does, the other parts are to be shown
            found.append(Part(name, SICK, f"looking at it failed: {type(error).__name__}: {error}"))

    # A daemon, so that a part that hangs does not keep the command from ending.
    thread = threading.Thread(target=run, name=f"look at {name}", daemon=True)
    thread.start()
    return thread, found
