"""Versions of one ontology on disk: immutable, sharing what did not change, whole or not there (O1).

<warehouse>/ontology/<name>/
  parts/<table>-<digest>.parquet      rows, content-addressed, shared by versions
  versions/000001/manifest.json       which parts a version has, and where it came from
  lock                                held by whoever writes
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.ontology.errors import Damaged, OntologyError, UnknownVersion
from pipelines.ontology.files import PARTIAL, locked, new_folder, remove_partial
from pipelines.ontology.identity import digest
from pipelines.ontology.parts import PartList, Parts
from pipelines.ontology.snapshot import Counts, Snapshot

FORMAT = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
MANIFEST = "manifest.json"
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a version came from: what made it, and the SHA-256 of the files that were read."""

    kind: str
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """Manifest of one version. `version` names it everywhere: number and content digest."""

    name: str
    number: int
    version: str
    digest: str
    parent: str | None
    created_ms: int
    source: Source
    counts: Counts
    parts: PartList


def no_step(_what: str) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class OntologyStore:
    """The versions of the ontology `name` in a warehouse folder. Reading takes no lock."""

    warehouse: Path
    name: str
    lock_timeout_s: float = 600.0

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise OntologyError(
                f"{self.name!r} cannot name an ontology: use letters, digits, '-', '_' and '.'"
            )

    @property
    def folder(self) -> Path:
        """Where the ontology lies."""
        return self.warehouse / "ontology" / self.name

    def versions(self) -> list[Version]:
        """All versions, oldest first; none when there is no such ontology."""
        found = self.folder / "versions"
        names = sorted(path.name for path in found.iterdir()) if found.is_dir() else []
        return [self._manifest(found / name) for name in names if not name.startswith(PARTIAL)]

    def head(self) -> Version | None:
        """The newest version, or None."""
        folders = [path for path in (self.folder / "versions").glob("[0-9]*") if path.is_dir()]
        return self._manifest(max(folders)) if folders else None

    def find(self, version: str | None = None) -> Version:
        """A version by its name, number ("3", "v3") or the beginning of its name; the newest for None.

        Errors: UnknownVersion, naming what there is.
        """
        every = self.versions()
        if not every:
            raise UnknownVersion(
                f"there is no ontology {self.name!r} in {self.warehouse}: import one with `aiic ontology import`"
            )
        if version is None or version == "latest":
            return every[-1]
        found = [one for one in every if version in (one.version, str(one.number), f"v{one.number}")]
        if not found:
            known = ", ".join(one.version for one in every[-5:])
            raise UnknownVersion(
                f"ontology {self.name!r} has no version {version!r}; the newest are: {known}"
            )
        return found[0]

    def read(self, version: str | None = None) -> Snapshot:
        """One version in memory; the newest for None. Errors: UnknownVersion, Damaged."""
        found = self.find(version)
        return self._parts().read(found.version, found.parts)

    def commit(self, snapshot: Snapshot, source: Source, created_ms: int, step: Step = no_step) -> Version:
        """Make a snapshot the newest version, or return the newest when it says the same already.

        Errors: OntologyBusy when another writer does not finish.
        """
        step("waiting for other writers")
        with locked(self.folder / "lock", self.lock_timeout_s):
            return self._commit(snapshot, source, created_ms, step)

    def change(
        self, edit: Callable[[Snapshot], Snapshot], source: Source, created_ms: int, step: Step = no_step
    ) -> Version:
        """Make an edit of the newest version the newest; no other writer comes in between.

        Errors: whatever `edit` raises, and nothing is changed; UnknownVersion when there is nothing to edit.
        """
        self.find()
        step("waiting for other writers")
        with locked(self.folder / "lock", self.lock_timeout_s):
            step("reading the newest version")
            present = self.read()
            step("applying the changes")
            return self._commit(edit(present), source, created_ms, step)

    def _commit(self, snapshot: Snapshot, source: Source, created_ms: int, step: Step) -> Version:
        versions, parts = self.folder / "versions", self._parts()
        for folder in (versions, parts.folder):
            folder.mkdir(parents=True, exist_ok=True)
            remove_partial(folder)
        step("writing what changed")
        present = self.head()
        written = parts.write(snapshot, present.parts.checksums if present else None)
        content = digest(written.rows, 16)
        if present is not None and present.digest == content:
            return present
        number = present.number + 1 if present else 1
        made = Version(
            name=self.name,
            number=number,
            version=f"v{number}-{content[:12]}",
            digest=content,
            parent=present.version if present else None,
            created_ms=created_ms,
            source=source,
            counts=snapshot.counts(),
            parts=written,
        )
        with new_folder(versions / f"{number:06d}") as folder:
            text = json.dumps({"format": FORMAT} | asdict(made), ensure_ascii=False, indent=1)
            (folder / MANIFEST).write_text(text + "\n", "utf-8")
        return made

    def _parts(self) -> Parts:
        return Parts(self.folder / "parts")

    def _manifest(self, folder: Path) -> Version:
        path = folder / MANIFEST
        try:
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if found.pop("format") != FORMAT:
                raise Damaged(
                    f"{path} was written by another release of this program: import the ontology again"
                )
            found["source"] = Source(**found["source"])
            found["counts"] = Counts(**found["counts"])
            found["parts"] = PartList(**found["parts"])
            return Version(**found)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Damaged(f"{path} is missing or damaged: restore it from a copy: {error!r}") from error


def default_warehouse() -> Path:
    """AIIC_WAREHOUSE, or build/warehouse."""
    return Path(os.environ.get("AIIC_WAREHOUSE") or "build/warehouse")
