"""Rows of an import's files, JSON lines or Parquet, with their places; what cannot be read is a fault."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ontology.faults import Faults
from schemas.derive import BadRecord, parse_record

R = TypeVar("R")
BATCH_ROWS = 8_192
REPORT_ROWS = 2_000
Progress = Callable[[str, int, int], None]


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: file name and line or row number, from 1."""

    file: str
    line: int


def source_file(folder: Path, name: str, faults: Faults, required: bool) -> Path | None:
    """NAME.jsonl or NAME.parquet of a folder; a fault when it is missing, or when both are there."""
    found = [path for path in (folder / f"{name}.jsonl", folder / f"{name}.parquet") if path.is_file()]
    if len(found) > 1:
        faults.add(name, 0, "ambiguous_file", f"{found[0].name} and {found[1].name}: remove one of them")
    elif not found and required:
        faults.add(name, 0, "missing_file", f"neither {name}.jsonl nor {name}.parquet is in {folder}")
    return found[0] if len(found) == 1 else None


def source_digests(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of each of these files that the folder has, for the manifest of the version."""
    paths = (folder / f"{name}.{form}" for name in names for form in ("jsonl", "parquet"))
    return {path.name: file_digest(path) for path in paths if path.is_file()}


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_rows(
    path: Path, faults: Faults, progress: Progress = no_progress
) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The objects of one file. Blank lines are skipped; rows that are no JSON object are faults.

    `progress` is told the file's name and how much was read: bytes of JSON lines, rows of Parquet.
    """
    read = _parquet_rows if path.suffix == ".parquet" else _json_rows
    return read(path, faults, progress)


def parse(record: type[R], place: Place, row: Mapping[str, Any], faults: Faults) -> R | None:
    """The record that a row holds, or None and a fault."""
    try:
        return parse_record(record, row)
    except BadRecord as bad:
        faults.add(place.file, place.line, bad.reason, f"{bad.field}: {bad.detail}")
        return None


def text_of(row: Mapping[str, Any], name: str) -> str | None:
    """A text field of a row that may be faulty otherwise."""
    found = row.get(name)
    return found if isinstance(found, str) and found else None


def _json_rows(path: Path, faults: Faults, progress: Progress) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    total, done = path.stat().st_size, 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            done += len(raw)
            if number % REPORT_ROWS == 0 or done == total:
                progress(path.name, done, total)
            line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if not line.strip():
                continue
            row = _json_row(path.name, number, line, faults)
            if row is not None:
                yield Place(path.name, number), row


def _json_row(file: str, number: int, line: bytes, faults: Faults) -> Mapping[str, Any] | None:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        faults.add(file, number, "bad_utf8", f"byte {error.start + 1} of the line is not UTF-8")
        return None
    try:
        row = json.loads(text, object_pairs_hook=_object)
    except _RepeatedName as error:
        faults.add(file, number, "repeated_field", f"{error.args[0]!r} is there twice")
        return None
    except json.JSONDecodeError as error:
        faults.add(file, number, "not_json", f"{error.msg} at character {error.pos + 1}")
        return None
    except (ValueError, RecursionError) as error:
        faults.add(file, number, "not_json", str(error)[:200])
        return None
    if not isinstance(row, dict):
        faults.add(file, number, "wrong_type", "the line is not a JSON object")
        return None
    return row


class _RepeatedName(ValueError):
    """A JSON object names a field twice: which one counts would be a guess."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedName(next(name for name in names if names.count(name) > 1))
    return found


def _parquet_rows(
    path: Path, faults: Faults, progress: Progress
) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                yield from _batch_rows(path.name, number, batch, faults)
                number += batch.num_rows
                progress(path.name, number, file.metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        faults.add(path.name, 0, "unreadable_file", f"not a readable Parquet file: {str(error)[:200]}")


def _batch_rows(
    file: str, before: int, batch: pa.RecordBatch, faults: Faults
) -> list[tuple[Place, Mapping[str, Any]]]:
    try:
        rows = batch.to_pylist()
    except UnicodeDecodeError:
        rows = [_row_or_none(batch.slice(index, 1)) for index in range(batch.num_rows)]
    found = []
    for index, row in enumerate(rows):
        if row is None:
            faults.add(file, before + index + 1, "bad_utf8", "a text of the row is not UTF-8")
        else:
            found.append((Place(file, before + index + 1), row))
    return found


def _row_or_none(batch: pa.RecordBatch) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = batch.to_pylist()[0]
    except UnicodeDecodeError:
        return None
    return row
