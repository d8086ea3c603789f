"""What the stack knows about one component before it runs."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Need:
    """A file that must be there before a component can start, and what to do when it is not."""

    path: Path
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port that a component listens on, and the setting that moves it."""

    number: int
    variable: str


@dataclass(frozen=True, slots=True)
class Component:
    """One process of the stack: how it starts, what it needs, and how to tell that it is ready.

    `healthy` answers within about two seconds and never raises. `env` is added to the caller's environment.
    `files` are settings, written just before the start.
    `niceness`: how far it gives way to the others where cores are short, 0 to 19.
    `identity` names what is served (a model, a data format): with the command it decides about a restart.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    ports: tuple[Port, ...]
    needs: tuple[Need, ...]
    healthy: Callable[[], bool]
    start_timeout_s: float
    identity: str
    model: str | None = None
    files: Mapping[Path, str] = field(default_factory=dict)
    niceness: int = 0

    def fingerprint(self) -> str:
        """Digest of everything that a running process must have been started with."""
        files = sorted((str(path), text) for path, text in self.files.items())
        parts = [self.argv, sorted(self.env.items()), files, self.identity, self.niceness]
        return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()
