"""Daily reconciliation: proves table = replayed changes = lookup store, repairs what differs, or fails with the list.

    python -m jobs.batch.reconcile --warehouse build/warehouse --kafka 127.0.0.1:19092 --store local

Repairs go through the merge: rows that the changes or the store lack are published once more; rows that only the store
has are sent to the merge again. Nothing here writes the table.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from infra.hudi_reading import COMMIT_TIME, NoTable, file_slices, last_write, read_slices
from infra.kafka import produce
from infra.merge_state import MergeState
from jobs.batch.reconcile_changes import BASE_NOTE, ChangesSinceBase
from jobs.batch.reconcile_store import StoreRows, open_store_rows
from jobs.streaming.writer import state_folder
from pipelines.ontology.store import default_warehouse
from pipelines.tunnel.merge import knowledge_table
from pipelines.tunnel.reconcile import (
    Difference,
    Divergence,
    Mark,
    ReconcileConfig,
    differences,
    fingerprint,
    reconcile,
    replay_differences,
)
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults
from schemas.topics import RESULTS

_COLUMNS = ("item_id", "attr_id", "version", "digest")


@dataclass(slots=True)
class Reconciler:
    """The three states and the ways to repair them. `store` is None where there is no store to compare."""

    table: Path
    servers: str
    store: StoreRows | None
    state: MergeState
    changes: ChangesSinceBase

    def look(self, repaired: Collection[str]) -> tuple[int, list[Difference]]:
        """Compare everything with the table as of its last commit."""
        commit = last_write(self.table)
        base, replayed = self.changes.read(commit)
        rows = partial(table_marks, self.table, commit, base.commit)
        found = replay_differences(base.state, replayed, rows, repaired)
        present = fingerprint(mark for mark, _ in rows())
        if not found:
            self.changes.proved(commit, present)
        if self.store is not None:
            found += differences("store", partial(_without_times, rows), self.store.marks)
        return present.rows, found

    def repair(self, found: Sequence[Difference]) -> None:
        """Publish again what the table has, send to the merge what only the store has."""
        self.state.ask_again({one.item_id for one in found if one.table is not None})
        wanted = {
            (one.item_id, one.attr_id) for one in found if one.source == "store" and not one.table_is_ahead
        }
        if wanted and self.store is not None:
            rows = [row for row in self.store.rows() if (row.item_id, row.attr_id) in wanted]
            produce(self.servers, RESULTS, [(row.item_id, orjson.dumps(as_results(row))) for row in rows])


def _without_times(rows: Callable[[], Iterable[tuple[Mark, bool]]]) -> Iterator[Mark]:
    return (mark for mark, _ in rows())


def as_results(row: KnowledgeRow) -> KnowledgeResults:
    """A row as the message that brings it to the merge."""
    run_id = row.provenance.run_id or "reconcile"
    return KnowledgeResults(row.item_id, row.category_id, row.event_ms, row.provenance.tier, run_id, (row,))


def table_marks(table: Path, commit: str, base: str) -> Iterator[tuple[Mark, bool]]:
    """Each row of the table as of a commit, and whether a commit after the base wrote it."""
    for part in file_slices(table, as_of=commit):
        for batch in read_slices(table, [part], [*_COLUMNS, COMMIT_TIME], commit):
            columns = [batch.column(name).to_pylist() for name in (*_COLUMNS, COMMIT_TIME)]
            for item_id, attr_id, version, digest, written in zip(*columns, strict=True):
                yield Mark(item_id, attr_id, version, digest), written > base


def main(argv: Sequence[str] | None = None) -> int:
    """Reconcile once; 0 when all is the same, 1 when not, 2 when it could not be found out."""
    parser = argparse.ArgumentParser(prog="reconcile", description=__doc__)
    parser.add_argument("--warehouse", type=Path, default=default_warehouse())
    parser.add_argument("--kafka", required=True, metavar="HOST:PORT")
    parser.add_argument(
        "--store",
        default="",
        help="the lookup store: `local`, http://HOST:PORT of a service, redis://HOST:PORT/0, a folder; empty: not compared",
    )
    parser.add_argument("--looks", type=int, default=ReconcileConfig().looks)
    parser.add_argument("--pause", type=float, default=ReconcileConfig().pause_s, metavar="S")
    parser.add_argument(
        "--new-base", action="store_true", help="the changes topic was made anew: begin with the table"
    )
    args = parser.parse_args(argv)
    table = knowledge_table(args.warehouse.absolute())
    try:
        with MergeState.open(state_folder(table)) as state:
            changes = ChangesSinceBase(args.kafka, state_folder(table) / BASE_NOTE)
            if args.new_base:
                commit = last_write(table)
                changes.begin_here(commit, fingerprint(mark for mark, _ in table_marks(table, commit, "")))
            store = open_store_rows(args.store) if args.store else None
            found = Reconciler(table, args.kafka, store, state, changes)
            done = reconcile(found.look, found.repair, time.sleep, ReconcileConfig(args.looks, args.pause))
    except Divergence as error:
        print(f"reconcile: {error}", file=sys.stderr)
        return 1
    except (NoTable, OSError, LookupError) as error:
        print(f"reconcile: {error}", file=sys.stderr)
        return 2
    for difference in done.repaired:
        print(f"repaired: {difference}")
    print(f"reconcile: {done.rows:,} rows are the same everywhere; repaired {len(done.repaired)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
