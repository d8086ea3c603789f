"""The table as a snapshot for subscribers, read without a JVM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.hudi_reading import COMMIT_TIME, file_slices, last_write, read_slices
from pipelines.tunnel.merge import knowledge_table
from pipelines.tunnel.subscription import commit_ms
from schemas.derive import arrow_to_records
from schemas.knowledge import KnowledgeRow


@dataclass(frozen=True, slots=True)
class TableSnapshot:
    """item_knowledge as of any of its commits."""

    table: Path

    def newest_commit(self) -> str:
        """The newest commit. Errors: infra.hudi_reading.NoTable."""
        return last_write(self.table)

    def rows(self, commit: str) -> Iterator[KnowledgeRow]:
        """All rows as of a commit, retired ones included."""
        for bucket in self.buckets(commit):
            yield from (row for _, row in bucket)

    def buckets(self, commit: str) -> Iterator[list[tuple[int, KnowledgeRow]]]:
        """The rows of each bucket as of a commit, with the time of each row's own commit in Unix ms.

        A bucket holds all rows of its items.
        """
        slices = file_slices(self.table, as_of=commit)
        for batch in read_slices(self.table, slices, as_of=commit):
            times = [commit_ms(instant) for instant in batch.column(COMMIT_TIME).to_pylist()]
            yield list(zip(times, arrow_to_records(batch, KnowledgeRow), strict=True))


def snapshot_of(warehouse: Path) -> TableSnapshot:
    """The knowledge table of a warehouse."""
    return TableSnapshot(knowledge_table(warehouse))
