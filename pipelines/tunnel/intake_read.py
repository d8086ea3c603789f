"""Raw records of JSONL and Parquet files, one at a time, with the line that each came from."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

MAX_LINE_BYTES = 1_000_000
BATCH_ROWS = 1_000
_PARQUET_MAGIC = b"PAR1"
_BOM = b"\xef\xbb\xbf"


class IntakeError(Exception):
    """Input that cannot be read at all. The message says what to do."""


class AbsentInput(IntakeError):
    """A file or folder that is not there."""


class EmptyInput(IntakeError):
    """Input without a single record."""


class UnreadableInput(IntakeError):
    """A file that is neither JSON lines nor Parquet, is broken, or may not be read."""


class BadLine(ValueError):
    """A line that holds no JSON object: a short reason and the fault in words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record as read: its place, its beginning for repair, and the object or what is wrong with it."""

    source: str
    line: int
    beginning: str
    content: Any
    fault: BadLine | None = None


def input_files(paths: list[Path]) -> list[Path]:
    """The files to read: those given, and of folders the .jsonl and .parquet files inside, by name.

    Errors: AbsentInput; EmptyInput for a folder without such files.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise AbsentInput(
                f"{path}: no such file; give a .jsonl or .parquet file of listings, or a folder of them"
            )
        found += _folder_files(path) if path.is_dir() else [path]
    return found


def raw_records(path: Path) -> Iterator[RawRecord]:
    """The records of one file, in order, in flat memory.

    Errors: UnreadableInput when the file cannot be opened or is broken Parquet.
    """
    try:
        with path.open("rb") as file:
            is_parquet = file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
            file.seek(0)
            yield from _parquet_records(path, file) if is_parquet else _json_records(path, file)
    except (OSError, pa.ArrowException) as error:
        raise UnreadableInput(
            f"{path}: cannot be read ({error}); check the file and its permissions"
        ) from error


def _folder_files(folder: Path) -> list[Path]:
    files = sorted(
        path
        for path in folder.iterdir()
        if path.suffix in (".jsonl", ".parquet") and path.name[0] not in "._"
    )
    if not files:
        raise EmptyInput(f"{folder}: no .jsonl or .parquet file in this folder")
    return files


def _json_records(path: Path, file: BinaryIO) -> Iterator[RawRecord]:
    for number, line in enumerate(_lines(file), 1):
        body = (line.removeprefix(_BOM) if number == 1 else line).strip()
        if body or len(line) > MAX_LINE_BYTES:
            yield _json_record(str(path), number, body)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines; of one above the limit only its beginning, one byte over the limit."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        yield line
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES + 1)


def _json_record(source: str, number: int, line: bytes) -> RawRecord:
    beginning = line[:2000].decode("utf-8", "replace")
    try:
        return RawRecord(source, number, beginning, json_object(line))
    except BadLine as fault:
        return RawRecord(source, number, beginning, None, fault)


def json_object(line: bytes) -> Any:
    """What a line of JSON holds. Errors: BadLine."""
    if len(line) > MAX_LINE_BYTES:
        raise BadLine("line_too_long", f"the line has more than {MAX_LINE_BYTES:,} bytes")
    if b"\x00" in line:
        raise BadLine("nul_character", f"NUL at byte {line.index(0)} of the line")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadLine("bad_utf8", f"invalid UTF-8 at byte {error.start} of the line") from None
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BadLine("not_json", f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise BadLine("not_json", "nested too deeply") from None
    except ValueError as error:  # a whole number of more than 4,300 digits
        raise BadLine("not_json", str(error)[:100]) from None


def _no_constant(name: str) -> Any:
    raise BadLine("not_json", f"{name} is not JSON")


def _parquet_records(path: Path, file: BinaryIO) -> Iterator[RawRecord]:
    number = 0
    for batch in pq.ParquetFile(file).iter_batches(batch_size=BATCH_ROWS):
        names = batch.schema.names
        columns = [_column(column, name) for name, column in zip(names, batch.columns, strict=True)]
        for values in zip(*columns, strict=True):
            number += 1
            yield _parquet_record(str(path), number, dict(zip(names, values, strict=True)))


def _parquet_record(source: str, number: int, content: dict[str, Any]) -> RawRecord:
    beginning = str(content)[:2000]
    fault = next((value for value in content.values() if isinstance(value, BadLine)), None)
    return RawRecord(source, number, beginning, content, fault)


def _column(column: pa.Array, name: str) -> list[Any]:
    """The values of a column; a `BadLine` in place of one that is not text although the file says so."""
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        values = [_cell(cell, name) for cell in column]
    return [_plain(value, name) for value in values]


def _cell(cell: pa.Scalar, name: str) -> Any:
    try:
        return cell.as_py()
    except UnicodeDecodeError as error:
        return BadLine("bad_utf8", f"{name}: invalid UTF-8 at byte {error.start}")


def _plain(value: Any, name: str) -> Any:
    """A Parquet value as JSON has it: Parquet has types for times, decimals and maps, JSON has not."""
    if isinstance(value, date):  # also datetime and the Timestamp of pandas
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and math.isnan(value):
        return None  # how pandas says that a number is absent
    if name == "attributes":
        pairs = value.items() if isinstance(value, dict) else value
        return _attributes(pairs) if isinstance(value, dict | list) else value
    return value


def _attributes(pairs: Any) -> Any:
    """Names and texts of a map or struct column; a struct has every name in every row, most null."""
    pairs = list(pairs)
    if any(not isinstance(pair, tuple) or len(pair) != 2 for pair in pairs):
        return pairs
    return {name: text for name, text in pairs if text is not None}
