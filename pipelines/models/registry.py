"""The model registry: immutable versions, which of them is current, and how that came about (M8).

    ROOT/registry.json      {"stack": [...], "history": [...]}: one file, replaced whole, so a reader sees one state
    ROOT/versions/<id>/     a sealed model set, its files read-only

The weights that the program ships are its first version: while nothing was released they are current where they lie, and
they are copied into the registry when another version replaces them, so that a roll-back finds them after an update too.
Source: paper section 5.5 (release); design.md M8.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.models.model_set import MANIFEST, ModelsDamaged, ModelSet, open_set
from pipelines.tunnel.plan_folder import write_whole

STATE = "registry.json"
VERSIONS = "versions"
RELEASED, ROLLED_BACK, REFUSED = "released", "rolled back", "refused"


class RegistryError(RuntimeError):
    """What was asked of the registry cannot be done. The message says why and what can."""


@dataclass(frozen=True, slots=True)
class Event:
    """One decision: what was done with which version, what was current before, why, and the gate's figures."""

    at: str
    action: str
    version: str
    before: str
    why: str = ""
    forced: bool = False
    gate: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A version as a list shows it; `fault` is told where it cannot be opened."""

    version: str
    made: str
    note: str
    is_current: bool
    is_shipped: bool
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _State:
    stack: tuple[str, ...] = ()
    history: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry at `root`, over the weights that the program ships at `shipped`."""

    root: Path
    shipped: Path

    def current_folder(self) -> Path:
        """Where the current version lies, not yet checked. Errors: RegistryError for a broken state."""
        stack = self._read().stack
        return self._place(stack[-1]) if stack else self.shipped

    def current(self) -> ModelSet:
        """The current version. Errors: ModelsDamaged, RegistryError."""
        return open_set(self.current_folder())

    def previous(self) -> ModelSet | None:
        """What was current before the current version; None for the first. Errors: as `current`."""
        stack = self._read().stack
        if not stack:
            return None
        return open_set(self._place(stack[-2]) if len(stack) > 1 else self.shipped)

    def get(self, version: str) -> ModelSet:
        """A version by its id or an unambiguous part of it, or "current", "previous", "shipped".

        Errors: RegistryError where there is no such version, or several; ModelsDamaged.
        """
        if version in ("current", "this"):
            return self.current()
        if version == "shipped":
            return open_set(self.shipped)
        if version == "previous":
            found = self.previous()
            if found is None:
                raise RegistryError("there is no previous version: nothing was released yet")
            return found
        names = [name for name in self._names() if version in name]
        exact = [name for name in names if name == version]
        if len(exact or names) != 1:
            known = ", ".join(self._names())
            raise RegistryError(
                f"{version!r} names {'no' if not names else 'more than one'} version; there are {known}"
            )
        name = (exact or names)[0]
        return open_set(self._place(name) if self._place(name).is_dir() else self.shipped)

    def versions(self) -> list[Listed]:
        """All versions, the newest first; a damaged one is told, not hidden."""
        current, copies = self.current_folder(), self._folders()
        shipped = _listed(self.shipped, current == self.shipped, True)
        found = [] if shipped.version in {path.name for path in copies} else [shipped]
        for place in copies:
            is_shipped = place.name == shipped.version
            found.append(_listed(place, place == current or (is_shipped and shipped.is_current), is_shipped))
        return sorted(found, key=lambda one: (one.made, one.version), reverse=True)

    def history(self) -> tuple[Event, ...]:
        """All decisions, the oldest first."""
        return self._read().history

    def register(self, folder: Path) -> ModelSet:
        """Copy a sealed set into the registry, whole or not at all; a version that is there already stays as it is.

        Errors: ModelsDamaged, OSError.
        """
        found = open_set(folder)
        place = self._place(found.version)
        if place.is_dir():
            return open_set(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name(f".{place.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
        try:
            roles = [folder / role for role in found.parts]
            for source in roles:
                shutil.copytree(source, partial / source.name)
            for path in folder.iterdir():
                if path.is_file() and not path.name.startswith("."):
                    shutil.copy2(path, partial / path.name)
            open_set(partial)
            for path in partial.rglob("*"):
                if path.is_file():
                    path.chmod(0o444)
            with self._locked():
                if not place.is_dir():
                    partial.rename(place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return open_set(place)

    def release(
        self, version: str, why: str = "", forced: bool = False, gate: Mapping[str, Any] | None = None
    ) -> Event:
        """Make a registered version the current one. Errors: RegistryError, ModelsDamaged."""
        wanted = self.get(version)
        before = self.current()
        if wanted.version == before.version:
            raise RegistryError(f"{wanted.version} is the current version already")
        self.register(wanted.folder)
        self.register(before.folder)
        with self._locked():
            state = self._read()
            event = Event(_now(), RELEASED, wanted.version, before.version, why, forced, gate)
            stack = (*(state.stack or (before.version,)), wanted.version)
            self._write(_State(stack, (*state.history, event)))
        return event

    def refuse(self, version: str, gate: Mapping[str, Any]) -> Event:
        """Write down that the gate let a version not pass."""
        with self._locked():
            state = self._read()
            event = Event(_now(), REFUSED, version, self.current().version, gate=gate)
            self._write(_State(state.stack, (*state.history, event)))
        return event

    def rollback(self, why: str = "") -> Event:
        """Make the version before the current one current again. Errors: RegistryError, ModelsDamaged."""
        with self._locked():
            state = self._read()
            if len(state.stack) < 2:
                raise RegistryError("there is nothing to roll back to: no other version was current before")
            back, gone = state.stack[-2], state.stack[-1]
            open_set(self._place(back))
            event = Event(_now(), ROLLED_BACK, back, gone, why)
            self._write(_State(state.stack[:-1], (*state.history, event)))
        return event

    def _names(self) -> list[str]:
        names = [path.name for path in self._folders()]
        try:
            return sorted({*names, open_set(self.shipped).version})
        except ModelsDamaged:
            return sorted(names)

    def _folders(self) -> list[Path]:
        folder = self.root / VERSIONS
        if not folder.is_dir():
            return []
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _place(self, version: str) -> Path:
        return self.root / VERSIONS / version

    def _read(self) -> _State:
        path = self.root / STATE
        try:
            found = json.loads(path.read_text("utf-8"))
            events = tuple(Event(**event) for event in found["history"])
            return _State(tuple(map(str, found["stack"])), events)
        except FileNotFoundError:
            return _State()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RegistryError(
                f"{path} is not readable ({error!r}): restore it; without it nobody knows which version is current"
            ) from error

    def _write(self, state: _State) -> None:
        content = {"stack": list(state.stack), "history": [asdict(event) for event in state.history]}
        write_whole(self.root / STATE, json.dumps(content, indent=1, ensure_ascii=False).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One change at a time on this machine; the kernel frees the lock when a process dies."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(handle, fcntl.LOCK_UN)


def _listed(folder: Path, is_current: bool, is_shipped: bool) -> Listed:
    try:
        found = open_set(folder)
    except ModelsDamaged as error:
        name = folder.name if (folder / MANIFEST).is_file() or not is_shipped else "(shipped)"
        return Listed(name, "", "", is_current, is_shipped, str(error))
    return Listed(found.version, found.made, found.note, is_current, is_shipped)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
