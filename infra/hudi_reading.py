"""Hudi tables read without a JVM: by the hudi package, file group by file group, as Arrow."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from hudi import HudiReadOptions, HudiTable, HudiTableBuilder

META_PREFIX = "_hoodie_"
KEY_PREFIX = "_key_"
_ESCAPES = (("%", "%25"), (",", "%2C"), (":", "%3A"))
_PLACEHOLDERS = ("__null__", "__empty__")
COMMIT_TIME = "_hoodie_commit_time"
_BUCKETS_NOTE = ".aiic_buckets"
_IDENTITY_NOTE = ".aiic_table_id"
_NAMED = b"hoodie.table.name="
_BUCKET_DIGITS = 8
_INT_MASK, _INT_MAX = 0xFFFFFFFF, 0x7FFFFFFF
_INSTANT_LENGTHS = (14, 17)


class NoTable(RuntimeError):
    """There is no Hudi table at a path, or none yet at a time. The message says what to do."""


@dataclass(frozen=True, slots=True)
class FileSlice:
    """One bucket of a table at one time: its base file and the logs over it, relative to the table."""

    bucket: int
    base: str
    logs: tuple[str, ...]


def is_table(table: Path) -> bool:
    """Whether a table was ever committed to at this path."""
    return _was_made(table) and bool(commits(table))


def commits(table: Path) -> list[str]:
    """The instants of the completed writes and compactions of a table, oldest first. Errors: NoTable."""
    timeline = _open(table).get_timeline()
    found = [*timeline.get_completed_commits(), *timeline.get_completed_deltacommits()]
    return sorted(instant.timestamp for instant in found)


def last_write(table: Path) -> str:
    """The instant of the newest completed write. Errors: NoTable when nothing was written yet."""
    writes = [instant.timestamp for instant in _open(table).get_timeline().get_completed_deltacommits()]
    if not writes:
        raise NoTable(f"{table}: nothing was written there yet")
    return str(max(writes))


def writes(table: Path) -> list[str]:
    """The instants of the completed writes alone, oldest first; none where no table is."""
    if not _was_made(table):
        return []
    return sorted(instant.timestamp for instant in _open(table).get_timeline().get_completed_deltacommits())


def write_note(table: Path, commit: str, name: str) -> str | None:
    """What the writer noted in one of its commits (`infra.hudi.upsert`), None where it did not. Errors: NoTable."""
    timeline = _open(table).get_timeline()
    for instant in timeline.get_completed_deltacommits(desc=True):
        if instant.timestamp == commit:
            found = json.loads(timeline.get_instant_metadata_in_json(instant))
            return (found.get("extraMetadata") or {}).get(name)
    return None


def table_identity(table: Path) -> str:
    """A name that no other table has, nor this one once it was deleted and made anew."""
    note = table / _IDENTITY_NOTE
    if not note.exists():
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(uuid.uuid4().hex + "\n", "utf-8")
    return note.read_text("utf-8").strip()


def instant_of(text: str) -> str:
    """A commit instant from itself or from an ISO 8601 time (UTC where it names no zone).

    Errors: ValueError.

    >>> instant_of("2026-11-22T15:00:01.5+01:00")
    '20261122140001500'
    >>> instant_of("20261122140001500")
    '20261122140001500'
    """
    if text.isascii() and text.isdigit() and len(text) in _INSTANT_LENGTHS:
        return text.ljust(max(_INSTANT_LENGTHS), "9")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no time: give ISO 8601 (2026-11-22T15:00:00Z) or a commit instant"
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if len(text) <= len("2026-11-22"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S") + f"{moment.microsecond // 1000:03}"


def safe_key(value: str) -> str:
    """A key's value as Hudi's record key may hold it; `infra.hudi.safe_key_column` is the same on Spark.

    Hudi joins a row's key fields as `field:value,field:value` and takes the bucket's field out of that text again:
    with a comma or colon in a value it finds the wrong bucket, or never ends.

    >>> safe_key("a,b:c"), safe_key("sku-1"), safe_key("__null__")
    ('a%2Cb%3Ac', 'sku-1', '%5F_null__')
    """
    for character, escape in _ESCAPES:
        value = value.replace(character, escape)
    return f"%5F{value[1:]}" if value in _PLACEHOLDERS else value


def bucket_of(value: str, buckets: int) -> int:
    """The bucket that Hudi's simple bucket index gives to a value of the hash field.

    Source: Hudi's BucketIdentifier: the hash code of the Java list of that one string.
    """
    code = 0
    data = safe_key(value).encode("utf-16-be", "surrogatepass")
    for at in range(0, len(data), 2):
        code = (31 * code + (data[at] << 8 | data[at + 1])) & _INT_MASK
    return ((31 + code) & _INT_MAX) % buckets


def note_buckets(table: Path, buckets: int) -> int:
    """The table's bucket count; a new table is given `buckets` and notes it, as Hudi does not."""
    # Not in .hoodie: Hudi takes a folder that has one for a table.
    note = table / _BUCKETS_NOTE
    if not note.exists():
        if is_table(table):
            raise NoTable(f"{note} is missing: write the table's bucket count into it before you go on")
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{buckets}\n", "utf-8")
    return int(note.read_text("utf-8"))


def buckets_with(table: Path, values: Iterable[str]) -> set[int]:
    """The buckets that hold some values of the hash field. Errors: NoTable."""
    require_table(table)
    buckets = note_buckets(table, 0)
    return {bucket_of(value, buckets) for value in values}


def file_slices(
    table: Path, buckets: Iterable[int] | None = None, as_of: str | None = None
) -> list[FileSlice]:
    """The present file slices, of some buckets or of all. Errors: NoTable."""
    wanted = None if buckets is None else set(buckets)
    found = (
        FileSlice(
            int(part.file_id[:_BUCKET_DIGITS]),
            part.base_file_relative_path(),
            tuple(part.log_files_relative_paths()),
        )
        for part in _open(table).get_file_slices(_options(as_of, None))
    )
    return sorted(
        (part for part in found if wanted is None or part.bucket in wanted), key=lambda part: part.bucket
    )


def read_slices(
    table: Path, slices: Sequence[FileSlice], columns: Sequence[str] | None = None, as_of: str | None = None
) -> Iterator[pa.RecordBatch]:
    """The merged rows of some file slices, one batch each, with Hudi's own columns first where all are read."""
    options = _options(as_of, columns)
    reader = _open(table).create_file_group_reader_with_options(options)
    for part in slices:
        yield reader.read_file_slice_from_paths(part.base, list(part.logs), options)


def rows_of(
    table: Path,
    field: str,
    values: Sequence[str],
    columns: Sequence[str] | None = None,
    as_of: str | None = None,
) -> pa.Table:
    """The rows whose hash field is one of some values; only their buckets are read. Errors: NoTable."""
    slices = file_slices(table, buckets_with(table, values), as_of)
    wanted = pa.array(values, pa.string())
    batches = [
        batch.filter(pc.is_in(batch.column(field), value_set=wanted))
        for batch in read_slices(table, slices, columns, as_of)
    ]
    return pa.Table.from_batches(batches) if batches else pa.table({})


def require_table(table: Path) -> None:
    """Errors: NoTable where none is."""
    if not _was_made(table):
        raise NoTable(
            f"{table}: there is no table: run the offline job first, or set AIIC_WAREHOUSE to where it is"
        )


def _was_made(table: Path) -> bool:
    # Hudi makes this file first and fills it a moment later: until then there is nothing to open.
    try:
        return _NAMED in (table / ".hoodie" / "hoodie.properties").read_bytes()
    except FileNotFoundError:
        return False


def _open(table: Path) -> HudiTable:
    require_table(table)
    return HudiTableBuilder.from_base_uri(table.resolve().as_uri()).build()


def _options(as_of: str | None, columns: Sequence[str] | None) -> HudiReadOptions:
    options = HudiReadOptions(projection=list(columns) if columns is not None else None)
    return options.with_as_of_timestamp(as_of) if as_of else options
