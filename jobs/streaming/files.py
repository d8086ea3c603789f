"""Finished Parquet files of batch runs, merged slice by slice between the batches of the stream (T6)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from infra.hudi_reading import commits, is_table
from infra.merge_state import MergeState
from jobs.streaming.writer import Writer
from pipelines.tunnel.merge import MergedFiles, MergeResult
from pipelines.tunnel.merge_intake import (
    BAD_FILE,
    FUTURE,
    IntakeLimits,
    RawMessage,
    dead_letter,
    require_past,
)
from schemas.dead_letter import DeadLetter
from schemas.derive import SchemaMismatch, arrow_to_records
from schemas.json_form import to_mapping
from schemas.knowledge import KnowledgeRow
from schemas.parse import BadRecord, parse_record
from schemas.results import KnowledgeResults

CHECKED_ROWS = 5_000
UNREADABLE = (SchemaMismatch, TypeError, ValueError, KeyError, OSError, pa.ArrowException)
"""What a file can raise that is no Parquet, or of other columns, or has nothing where the contract wants something."""


@dataclass(slots=True)
class Slice:
    """Rows that are merged at once, and the files of the queue that end with them."""

    rows: list[KnowledgeRow] = field(default_factory=list)
    done: list[tuple[int, Path | None]] = field(default_factory=list)
    """Number in the queue, and the file; None where it could not be read."""


def file_fault(path: Path, time_ms: int, limits: IntakeLimits) -> tuple[str, str] | None:
    """Reason and words for a file that cannot be merged: absent, with a row that breaks the contract, or one of the future.

    Every row is looked at: one that the table took and the store refuses would part them for ever.
    """
    try:
        for rows in _rows_of(path, CHECKED_ROWS):
            for row in rows:
                parse_record(KnowledgeRow, to_mapping(row))
            require_past(rows, time_ms, limits)
    except BadRecord as error:
        return FUTURE if error.reason == FUTURE else BAD_FILE, f"{path}: {error.field}: {error.detail}"
    except UNREADABLE as error:
        return BAD_FILE, f"{path}: {error}"
    return None


def _rows_of(path: Path, at_once: int) -> Iterator[list[KnowledgeRow]]:
    file = pq.ParquetFile(path)
    arrow_to_records(
        file.schema_arrow.empty_table(), KnowledgeRow
    )  # a file without rows is of the contract, too
    for batch in file.iter_batches(at_once):
        yield arrow_to_records(batch, KnowledgeRow)


class FileQueue:
    """The files that wait, in the order of their messages; kept in the merge's state."""

    def __init__(self, state: MergeState, table: Path, rows_per_slice: int, limits: IntakeLimits) -> None:
        self._state, self._table, self._limits = state, table, limits
        self._rows_per_slice = rows_per_slice
        self._slices: Iterator[Slice] | None = None
        self._counts = [0, 0]

    def add(self, pointers: Sequence[tuple[RawMessage, KnowledgeResults]]) -> list[DeadLetter]:
        """Queue the files of messages; those that cannot be merged become a dead letter, one a message."""
        refused = []
        for message, results in pointers:
            faults = {name: file_fault(Path(name), message.time_ms, self._limits) for name in results.files}
            bad = [fault for fault in faults.values() if fault is not None]
            if bad:
                words = f"{len(bad)} of {len(faults)} files: {bad[0][1]}"
                refused.append(dead_letter(message, bad[0][0], words))
            self._state.add_files([json.dumps(name) for name, fault in faults.items() if fault is None])
        return refused

    def merge_slice(self, writer: Writer) -> MergeResult | None:
        """Merge the next rows that wait; None where none do."""
        if self._slices is None:
            self._slices = self._read()
        found = next(self._slices, None)
        if found is None:
            self._slices = None
            return None
        merged = writer.merge(found.rows)
        self._counts[0] += merged.written
        self._counts[1] += merged.changed
        self._finish([path for _, path in found.done if path is not None], merged)
        for number, _ in found.done:
            self._state.file_done(number)
        return merged

    def restart(self) -> None:
        """Read the files that are not done from their beginning: what they have merged does not count twice."""
        self._slices = None

    def _finish(self, files: list[Path], merged: MergeResult) -> None:
        if files and is_table(self._table):
            written, changed = self._counts
            commit = merged.commit or commits(self._table)[-1]
            MergedFiles(self._table).add(files, commit, written=written, changed=changed)
            self._counts = [0, 0]

    def _read(self) -> Iterator[Slice]:
        found, number = Slice(), 0
        while waiting := self._state.next_file(number):
            number, path = waiting[0], Path(json.loads(waiting[1]))
            try:
                for rows in _rows_of(path, self._rows_per_slice):
                    found.rows += rows
                    if len(found.rows) >= self._rows_per_slice:
                        yield found
                        found = Slice()
                found.done.append((number, path))
            except UNREADABLE as error:
                # It was in order when its message came. What was read of it counts; the run that wrote it asks again.
                print(f"merge: {path} cannot be read any more and is left out: {error}", flush=True)
                found.done.append((number, None))
        if found.rows or found.done:
            yield found
