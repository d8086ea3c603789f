"""Makes the lookup store anew: the Hudi table as of its newest commit, then changes and results go on where that began."""

from __future__ import annotations

import time
from collections.abc import Callable

from infra.hudi_reading import NoTable
from infra.kafka_log import open_log
from jobs.services.lookup import now_ms
from jobs.services.lookup_health import STALE_MS
from jobs.services.lookup_settings import LookupSettings, open_store
from jobs.services.snapshot import TableSnapshot, snapshot_of
from pipelines.tunnel.store_feed import rows_of_table
from pipelines.tunnel.store_follow import BEGAN, REBUILDING, STATUS, status_of
from pipelines.tunnel.store_knowledge import Applied, KnowledgeStore
from pipelines.tunnel.subscription import commit_ms
from schemas.topics import CHANGES

WRITE_ITEMS = 1_000
Say = Callable[[str], object]


class NotNow(RuntimeError):
    """The store cannot be rebuilt at the moment. The message says what to do."""


def rebuild(settings: LookupSettings, say: Say) -> int:
    """Wipe the store and fill it from the table; returns an exit code.

    Where changes go on is asked before the table is read: what is published meanwhile is read twice, nothing never.
    Results are read from the oldest that is kept, since no table says which of them it holds.
    Errors: NotNow, KafkaUnavailable, TopicMissing.
    """
    store = open_store(settings)
    try:
        _refuse_beside_consumer(store)
        log = open_log(settings.kafka_servers, [CHANGES])
        try:
            ends = log.ends()
        finally:
            log.close()
        table = snapshot_of(settings.warehouse)
        try:
            commit = table.newest_commit()
        except NoTable as error:
            raise NotNow(str(error)) from error
        began_s = time.monotonic()
        done = fill(store, table, commit, ends)
    finally:
        store.kv.close()
    say(
        f"{done.items:,} pieces of items, {done.rows:,} rows as of commit {commit} in {time.monotonic() - began_s:.0f} s"
    )
    return 0


def fill(
    store: KnowledgeStore, table: TableSnapshot, commit: str, positions: dict[tuple[str, int], int]
) -> Applied:
    """Make the store what the table was at a commit, to go on at positions. A kill leaves a store that says so."""
    store.kv.wipe()
    term = store.begin_term()
    store.note(REBUILDING, b"1", term)
    store.note(BEGAN, b"%d" % commit_ms(commit), term)
    done = Applied()
    for bucket in table.buckets(commit):
        pieces = list(rows_of_table(bucket))
        for start in range(0, len(pieces), WRITE_ITEMS):
            done += store.apply(pieces[start : start + WRITE_ITEMS], term)
    store.apply([], term, positions)
    store.note(REBUILDING, b"", term)
    return done


def _refuse_beside_consumer(store: KnowledgeStore) -> None:
    status = status_of(store.noted(STATUS))
    if status is not None and status.problem is None and now_ms() - status.beat_ms < STALE_MS:
        raise NotNow(
            f"a consumer keeps this store up to date: end it (`./aiic down --only lookup`) and wait {STALE_MS // 1000} s"
        )
