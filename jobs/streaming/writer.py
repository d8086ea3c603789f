"""The merge's writer: rows into item_knowledge by last write wins, and out again as changes (T4, T6, T8).

It keeps every item's rows as of the last commit beside the table (`infra.merge_state`), so that a commit costs what its
rows cost, however large the table is. Whoever makes a `Writer` holds the table's lock for as long as it lives.

Order of a merge: winners to a spool file -> commit of the table, which names the spool file -> state, its instant and
the changes in one transaction -> topic. Killed between any two, `recover` goes on where it stopped: at worst a change is
published twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import orjson
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from infra.hudi import NOTE_PREFIX, HudiSettings, compact, upsert
from infra.hudi_reading import commits, table_identity, write_note, writes
from infra.merge_rebuild import items_as_of, rows_of_commit
from infra.merge_state import MergeState, PendingChange, StoredChange
from infra.spark import struct_type
from jobs.batch.merge import KNOWLEDGE
from jobs.batch.reconcile_changes import BASE_NOTE, Base, write_base
from pipelines.tunnel.changes import RowChange, merge_into
from pipelines.tunnel.merge import NOTHING_MERGED, MergeResult
from pipelines.tunnel.reconcile import Fingerprint, Mark
from pipelines.tunnel.store_codec import row_bytes, row_of
from schemas.derive import arrow_to_records, record_to_arrow
from schemas.knowledge import KnowledgeRow

STATE_SUFFIX = "_merge"
SPOOL_NOTE = f"{NOTE_PREFIX}spool"
PUBLISH_AT_ONCE = 2_000
ITEMS_AT_ONCE = 500


class Publish(Protocol):
    """Where changes go: everything has arrived when it returns."""

    def __call__(self, changes: Sequence[PendingChange]) -> None:
        """Send changes in order."""


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """How the writer works.

    Every commit leaves a file a bucket until it is cleaned away, and its instant in the timeline as long: at a commit every
    10 s and 16 buckets that is 35,000 files in 6 hours, which is as much as listings should bear. Who must see the table
    further back takes the changes topic, the lookup service's history, or longer triggers.
    `compact_every`: commits after which a part of the table is compacted, bounded by `compact_io_mb` (read and written).
    """

    hudi: HudiSettings = field(default_factory=lambda: HudiSettings(retention_hours=6, compact_after=0))
    compact_every: int = 8
    compact_io_mb: int = 32


def state_folder(table: Path) -> Path:
    """Where the merge's state of a table lies, beside it."""
    return table.with_name(f"{table.name}{STATE_SUFFIX}")


class Writer:
    """The table, its state and the way to the topic. Not for two threads at once."""

    def __init__(
        self,
        spark: SparkSession,
        table: Path,
        state: MergeState,
        publish: Publish,
        settings: WriterSettings,
        newest_published: Mapping[str, object] | None = None,
    ) -> None:
        self._spark, self._table, self._state, self._publish = spark, table, state, publish
        self._settings, self._newest_published = settings, newest_published
        self._spool = state_folder(table) / "spool"
        self._commits_since_compaction = 0

    def recover(self) -> int:
        """Bring the state to the table's last commit, and publish what is left; how many changes were published.

        The state is rebuilt where it is absent, belongs to another table, or reflects a commit that was undone.
        """
        identity, done = table_identity(self._table), writes(self._table)
        head = self._state.head()
        reached = head.commit
        # A commit that is older than all in the timeline was archived; any other one that is not there was undone.
        undone = bool(reached) and reached not in done and not (done and str(reached) < done[0])
        if head.table_id != identity or reached is None or undone:
            self._rebuild(identity, done)
        begun = self._state.head().commit or ""
        for commit in (commit for commit in done if commit > begun):
            self._catch_up(commit)
        for left in self._spool.glob("*"):
            left.unlink()
        return self.publish()

    def merge(self, rows: Sequence[KnowledgeRow]) -> MergeResult:
        """Merge rows as one commit, or none where nothing wins, and publish what it changed."""
        if not rows:
            return NOTHING_MERGED
        changes, items = self._changes(rows)
        keys = len({(row.item_id, row.attr_id) for row in rows})
        if not changes:
            return MergeResult(len(rows), keys, 0, 0, None)
        commit = self._commit([change.after for change in changes])
        self._take_over(commit, changes, items)
        self._commits_since_compaction += 1
        self.publish()
        new = sum(change.says_something_new for change in changes)
        return MergeResult(len(rows), keys, len(changes), new, commit)

    def publish(self) -> int:
        """Publish what is left, oldest first; how many. Errors: those of the topic; then nothing is forgotten."""
        total = 0
        while pending := self._state.pending(PUBLISH_AT_ONCE):
            self._publish(pending)
            self._state.published(pending[-1].sequence)
            total += len(pending)
        return total

    def tell_again(self) -> int:
        """Publish the present rows of items for which reconciliation asks (`before` is the row itself); how many rows."""
        item_ids = self._state.asked_again(ITEMS_AT_ONCE)
        if not item_ids:
            return 0
        found = self._state.rows(item_ids)
        rows = [row_of(text) for item_id in item_ids for text in found.get(item_id, ())]
        commit = self._state.head().commit or ""
        self._state.tell_again(item_ids, [stored_change(RowChange(row, row), commit) for row in rows])
        self.publish()
        return len(rows)

    def compact_if_due(self) -> str | None:
        """Compact the buckets with the largest logs, every some commits; the compaction's instant."""
        if self._commits_since_compaction < self._settings.compact_every:
            return None
        self._commits_since_compaction = 0
        return compact(self._spark, self._table, self._settings.compact_io_mb)

    def _changes(self, rows: Iterable[KnowledgeRow]) -> tuple[list[RowChange], dict[str, list[bytes]]]:
        """What rows change, and the new rows of every item that they change."""
        given: dict[str, list[KnowledgeRow]] = {}
        for row in rows:
            given.setdefault(row.item_id, []).append(row)
        present = self._state.rows(given)
        changes: list[RowChange] = []
        items: dict[str, list[bytes]] = {}
        for item_id in sorted(given):
            before = {row.attr_id: row for row in map(row_of, present.get(item_id, ()))}
            changed = merge_into(before.values(), given[item_id])
            if changed:
                after = before | {change.after.attr_id: change.after for change in changed}
                items[item_id] = [row_bytes(row) for row in after.values()]
                changes += changed
        return changes, items

    def _commit(self, winners: Sequence[KnowledgeRow]) -> str:
        self._spool.mkdir(parents=True, exist_ok=True)
        path = self._spool / f"{uuid.uuid4().hex}.parquet"
        pq.write_table(record_to_arrow(winners, KnowledgeRow), path)
        frame = self._spark.read.schema(struct_type(KnowledgeRow)).parquet(path.resolve().as_uri())
        return upsert(frame, KNOWLEDGE, self._table, self._settings.hudi, {SPOOL_NOTE: path.name})

    def _take_over(
        self,
        commit: str,
        changes: Sequence[RowChange],
        items: Mapping[str, Sequence[bytes]],
        first: int | None = None,
    ) -> None:
        self._state.apply(commit, items, [stored_change(change, commit) for change in changes], first)
        for left in self._spool.glob("*"):
            left.unlink()

    def _catch_up(self, commit: str) -> None:
        """Take over a commit that the state has not seen: this writer's, interrupted, or a batch merge's."""
        name = write_note(self._table, commit, SPOOL_NOTE)
        spooled = self._spool / name if name else None
        if spooled is not None and spooled.exists():
            found = pq.read_table(spooled)
        else:
            found = rows_of_commit(self._table, KNOWLEDGE.schema.names, commit)
        rows = arrow_to_records(found, KnowledgeRow)
        changes, items = self._changes(rows)
        self._take_over(commit, changes, items, self._first_sequence(commit, changes))

    def _first_sequence(self, commit: str, changes: Sequence[RowChange]) -> int | None:
        """Where the numbers of a commit began whose changes are in the topic already, in part or all."""
        newest = self._newest_published
        if newest is None or newest["commit"] != commit or self._state.head().sequence:
            return None
        keys = [(change.after.item_id, change.after.attr_id) for change in changes]
        published = (str(newest["item_id"]), str(newest["attr_id"]))
        at = keys.index(published) if published in keys else len(keys) - 1
        return int(str(newest["sequence"])) - at

    def _rebuild(self, identity: str, done: Sequence[str]) -> None:
        """The state anew from the table, as of before the last commit whose changes are in the topic."""
        head, newest = self._state.head(), self._newest_published
        base = done[-1] if done else ""
        sequence = None
        if newest is not None and not head.sequence:
            if newest["commit"] in done:
                base = max((commit for commit in done if commit < str(newest["commit"])), default="")
            else:
                sequence = int(str(newest["sequence"])) + 1
        self._state.begin_rebuild(identity)
        found = Fingerprint()
        if base:
            for items in items_as_of(self._table, KNOWLEDGE.schema.names, base):
                self._state.fill(items)
                if newest is None:
                    _add_marks(found, items)
        self._state.end_rebuild(base, sequence)
        if newest is None and not head.sequence:
            # No change tells how the table came to be as it is: reconciliation begins here.
            write_base(state_folder(self._table) / BASE_NOTE, Base(base, found, {}))

    @property
    def commits(self) -> list[str]:
        """The table's commits and compactions."""
        return commits(self._table)


def _add_marks(into: Fingerprint, items: Mapping[str, Sequence[bytes]]) -> None:
    for rows in items.values():
        for row in map(orjson.loads, rows):
            into.add(Mark(row["item_id"], row["attr_id"], row["version"], row["digest"]))


def stored_change(change: RowChange, commit: str) -> StoredChange:
    """A change as it waits for its number."""
    after = change.after
    head = {"item_id": after.item_id, "attr_id": after.attr_id, "commit": commit}
    before = b"null" if change.before is None else row_bytes(change.before)
    json = orjson.dumps(head)[:-1] + b',"before":' + before + b',"after":' + row_bytes(after) + b"}"
    return StoredChange(after.item_id, json)
