"""Content-addressed Parquet parts: versions share those that did not change."""

from __future__ import annotations

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
PartList = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Parts:
    """A folder of Parquet parts, each named by its table and the digest of its rows."""

    folder: Path

    def write(self, snapshot: Snapshot) -> dict[str, list[str]]:
        """Store a snapshot; return the parts of each table. Parts that are there already are not written again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return {name: self._write_table(name, keyed) for name, keyed in to_tables(snapshot).items()}

    def read(self, version: str, parts: PartList) -> Snapshot:
        """The snapshot that these parts hold. Errors: Damaged."""
        tables = {name: self._read_table(name, parts[name]) for name in SCHEMAS}
        try:
            return from_tables(version, tables)
        except (KeyError, TypeError) as error:
            raise Damaged(
                f"{self.folder}: the parts of version {version} do not fit together: {error!r}"
            ) from error

    def path(self, table: str, part: str) -> Path:
        """The file of a part."""
        return self.folder / f"{table}-{part}.parquet"

    def _write_table(self, name: str, keyed: Keyed) -> list[str]:
        written = []
        for rows in _buckets(keyed.ids):
            part = digest([[keyed.ids[row], keyed.digests[row]] for row in rows])
            path = self.path(name, part)
            if not path.exists():
                table = keyed.table.take(pa.array(rows, pa.int64()))
                write_file(path, lambda file, table=table: _write_parquet(table, file))  # type: ignore[misc]
            written.append(part)
        return written

    def _read_table(self, name: str, parts: Sequence[str]) -> pa.Table:
        if not parts:
            return SCHEMAS[name].empty_table()
        return pa.concat_tables([self._read_part(name, part) for part in parts])

    def _read_part(self, name: str, part: str) -> pa.Table:
        path = self.path(name, part)
        try:
            table = pq.read_table(path, page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            raise Damaged(
                f"{path} is missing or damaged: restore it from a copy, or import again: {error}"
            ) from error
        if not table.schema.equals(SCHEMAS[name]):
            raise Damaged(f"{path}: its columns are not those of table {name}")
        return table


def _write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)


def _buckets(ids: Sequence[str]) -> list[list[int]]:
    """Row numbers by a hash of the row's key, so that a changed row touches one part, wherever it sorts."""
    count = 1
    while count * ROWS_A_PART < len(ids):
        count *= 2
    buckets: list[list[int]] = [[] for _ in range(count)]
    for row, key in enumerate(ids):
        buckets[zlib.crc32(key.encode()) % count].append(row)
    return [rows for rows in buckets if rows]
