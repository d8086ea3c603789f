"""The merge, engine-free: its settings, its result, and the note of which files a table already holds (T4, T7)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

KNOWLEDGE_TABLE = "item_knowledge"
ITEMS_TABLE = "items"
CHANGES_SUFFIX = "_changes"
_NOTE = "merged_files.jsonl"


@dataclass(frozen=True, slots=True)
class MergeConfig:
    """How one merge goes: whether its changes are written beside the table, and how long it waits for the lock."""

    write_changes: bool = False
    wait_for_lock_s: float = 600.0


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What one merge did.

    `read`: rows given. `distinct`: keys among them. `written`: rows committed, tombstones of what items left behind
    included. `changed`: of these, the rows that say something else than the row they replaced, or replaced none.
    `commit`: instant of the commit, None where nothing was written.
    """

    read: int
    distinct: int
    written: int
    changed: int
    commit: str | None

    def __add__(self, other: MergeResult) -> MergeResult:
        return MergeResult(
            self.read + other.read,
            self.distinct + other.distinct,
            self.written + other.written,
            self.changed + other.changed,
            other.commit or self.commit,
        )


NOTHING_MERGED = MergeResult(0, 0, 0, 0, None)


def knowledge_table(warehouse: Path) -> Path:
    """Where item_knowledge lies."""
    return warehouse / KNOWLEDGE_TABLE


def items_table(warehouse: Path) -> Path:
    """Where items lies."""
    return warehouse / ITEMS_TABLE


def changes_folder(table: Path, commit: str) -> Path:
    """Where the changes of one commit lie."""
    return table.with_name(f"{table.name}{CHANGES_SUFFIX}") / commit


@dataclass(frozen=True, slots=True)
class MergedFiles:
    """The note of the files that a table holds; it lies in the table's own `.hoodie`, so it goes where the table goes.

    It only saves work: a file that is merged again changes nothing.
    """

    table: Path

    def without(self, files: Sequence[Path], commits: Callable[[], Collection[str]]) -> list[Path]:
        """The files that are not noted; `commits` are the table's, so that a note of a table rolled back is void."""
        noted = self._noted(commits)
        return [path for path in files if _identity(path) not in noted]

    def add(self, files: Iterable[Path], commit: str, written: int = 0, changed: int = 0) -> None:
        """Note that files are merged, as of a commit, and the rows that they wrote and changed together."""
        counts = {"written": written, "changed": changed}
        line = json.dumps({"commit": commit, "files": [_identity(path) for path in files], **counts})
        with self._path.open("a", encoding="utf-8") as note:
            note.write(line + "\n")
            note.flush()
            os.fsync(note.fileno())

    def counts(self, files: Iterable[Path]) -> tuple[int, int]:
        """Rows that were written and changed by the merges that these files were in."""
        wanted = {_identity(path) for path in files}
        written = changed = 0
        for line in self._lines():
            entry = _entry(line)
            if entry is not None and wanted.intersection(entry[1]):
                found = json.loads(line)
                written, changed = written + found.get("written", 0), changed + found.get("changed", 0)
        return written, changed

    @property
    def _path(self) -> Path:
        return self.table / ".hoodie" / _NOTE

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _noted(self, commits: Callable[[], Collection[str]]) -> set[str]:
        entries = [entry for entry in map(_entry, self._lines()) if entry is not None]
        known = set(commits()) if entries else set()
        # Commits older than the oldest in the timeline were archived, not undone.
        oldest = min(known, default="")
        return {
            name
            for commit, files in entries
            if known and (commit in known or commit < oldest)
            for name in files
        }


def _entry(line: str) -> tuple[str, list[str]] | None:
    """One line of the note; a line that was cut off by a kill says nothing."""
    try:
        found = json.loads(line)
        return str(found["commit"]), [str(name) for name in found["files"]]
    except (ValueError, KeyError, TypeError):
        return None


def _identity(path: Path) -> str:
    """A file's name, size and time in 16 hex digits: results are written once and renamed into place, never changed."""
    found = path.stat()
    text = f"{path.resolve()}\0{found.st_size}\0{found.st_mtime_ns}"
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
