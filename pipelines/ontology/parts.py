"""Content-addressed Parquet parts: versions share those that did not change."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ontology.errors import Damaged
from pipelines.ontology.files import write_file
from pipelines.ontology.identity import digest
from pipelines.ontology.snapshot import Snapshot
from pipelines.ontology.tables import SCHEMAS, Keyed, from_tables, to_tables

ROWS_A_PART = 4_096


@dataclass(frozen=True, slots=True)
class PartList:
    """The parts of one snapshot: row digests by table, which name its content; file checksums."""

    rows: Mapping[str, Sequence[str]]
    checksums: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parts:
    """A folder of Parquet parts, each named by its table and the digest of its rows."""

    folder: Path

    def write(self, snapshot: Snapshot, known: Mapping[str, str] | None = None) -> PartList:
        """Store a snapshot. Parts that are there stay, unless their checksum in `known` says they broke."""
        self.folder.mkdir(parents=True, exist_ok=True)
        checksums: dict[str, str] = {}
        rows = {
            name: self._write_table(name, keyed, known or {}, checksums)
            for name, keyed in to_tables(snapshot).items()
        }
        return PartList(rows, checksums)

    def read(self, version: str, parts: PartList) -> Snapshot:
        """The snapshot that these parts hold. Errors: Damaged."""
        tables = {name: self._read_table(name, parts) for name in SCHEMAS}
        try:
            return from_tables(version, tables)
        except (KeyError, TypeError) as error:
            raise Damaged(
                f"{self.folder}: the parts of version {version} do not fit together: {error!r}"
            ) from error

    def _write_table(
        self, name: str, keyed: Keyed, known: Mapping[str, str], checksums: dict[str, str]
    ) -> list[str]:
        written = []
        for rows in _buckets(keyed.ids):
            part = digest([[keyed.ids[row], keyed.digests[row]] for row in rows])
            path = self.folder / _file_name(name, part)
            if not _is_whole(path, known):
                _write_parquet(keyed.table.take(pa.array(rows, pa.int64())), path)
            checksums[path.name] = _checksum(path.read_bytes())
            written.append(part)
        return written

    def _read_table(self, name: str, parts: PartList) -> pa.Table:
        if not parts.rows[name]:
            return SCHEMAS[name].empty_table()
        files = [_file_name(name, part) for part in parts.rows[name]]
        return pa.concat_tables([self._read_part(name, file, parts.checksums[file]) for file in files])

    def _read_part(self, name: str, file: str, checksum: str) -> pa.Table:
        path = self.folder / file
        try:
            content = path.read_bytes()
            if _checksum(content) != checksum:
                raise Damaged(f"{path} is not what was written: restore it from a copy, or import again")
            table = pq.read_table(pa.BufferReader(content))
        except (OSError, pa.ArrowException) as error:
            raise Damaged(
                f"{path} is missing or damaged: restore it from a copy, or import again: {error}"
            ) from error
        if not table.schema.equals(SCHEMAS[name]):
            raise Damaged(f"{path}: its columns are not those of table {name}")
        return table


def _file_name(table: str, part: str) -> str:
    return f"{table}-{part}.parquet"


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _is_whole(path: Path, known: Mapping[str, str]) -> bool:
    """A file with a name was whole when it got it; if its checksum is known, it still must be."""
    if not path.exists():
        return False
    return path.name not in known or _checksum(path.read_bytes()) == known[path.name]


def _write_parquet(table: pa.Table, path: Path) -> None:
    write_file(path, lambda file: pq.write_table(table, file, compression="zstd"))


def _buckets(ids: Sequence[str]) -> list[list[int]]:
    """Row numbers by a hash of the row's key, so that a changed row touches one part, wherever it sorts."""
    count = 1
    while count * ROWS_A_PART < len(ids):
        count *= 2
    buckets: list[list[int]] = [[] for _ in range(count)]
    for row, key in enumerate(ids):
        buckets[zlib.crc32(key.encode()) % count].append(row)
    return [rows for rows in buckets if rows]
