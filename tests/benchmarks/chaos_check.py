"""What of a tunnel's ends is not as it must be: rows lost, and rows of the wrong state, at all its ends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from infra.hudi_reading import file_slices, is_table, read_slices
from infra.kafka_log import open_log
from infra.kv_embedded import EmbeddedStore
from pipelines.tunnel.changes import gaps, replay
from pipelines.tunnel.events import Arrival, RawMessage, check_event
from pipelines.tunnel.offline import fingerprint_of
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.change import Change
from schemas.derive import arrow_to_records, parse_record
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults
from schemas.shard import ShardItem
from schemas.topics import CHANGES, ITEM_EVENTS, RESULTS
from tests.benchmarks.chaos_load import standing
from udfs.version import ITEM_ATTR, settle

State = dict[tuple[str, str], KnowledgeRow]
READ_S = 120.0
SHOWN = 5


@dataclass
class Verdict:
    """Rows that are lost or wrong, the first of them in words. `rows`: how many there must be."""

    lost: int = 0
    wrong: int = 0
    rows: int = 0
    words: list[str] = field(default_factory=list)

    def say(self, words: str) -> None:
        """Keep some words about what is not right."""
        if len(self.words) < SHOWN:
            self.words.append(words)


@dataclass(frozen=True)
class _Stamp:
    ontology_version: str
    model: str


def judge(servers: str, warehouse: Path, store: Path, states: Mapping[str, Mapping[int, Any]]) -> Verdict:
    """Compare what was sent with table, store and replayed changes. The store's own process may go on meanwhile."""
    winners = settle(row for one in messages(servers, RESULTS, KnowledgeResults) for row in one.rows)
    told = messages(servers, CHANGES, Change)
    ends = {
        "table": table_rows(warehouse / "item_knowledge"),
        "store": store_rows(store, {item for item, _ in winners}),
        "changes": replay(told),
    }
    found = Verdict(rows=len(winners))
    for name, rows in ends.items():
        _compare(name, rows, winners, found)
    if holes := gaps(change.sequence for change in told):
        found.lost += sum(last - first + 1 for first, last in holes)
        found.say(f"changes: sequences are missing: {holes[:3]}")
    by_item: dict[str, list[KnowledgeRow]] = {}
    for (item, _), row in winners.items():
        by_item.setdefault(item, []).append(row)
    for item, sent in states.items():
        _item(item, sent, by_item.get(item, []), found)
    return found


def _compare(name: str, rows: State, winners: State, found: Verdict) -> None:
    for key, row in winners.items():
        if key not in rows:
            found.lost += 1
            found.say(f"{name}: {key} is missing")
        elif rows[key] != row:
            found.wrong += 1
            found.say(f"{name}: {key} has version {rows[key].version}, must be {row.version}")
    for key in rows.keys() - winners.keys():
        found.wrong += 1
        found.say(f"{name}: {key} comes from no result")


def _item(item: str, sent: Mapping[int, Any], rows: list[KnowledgeRow], found: Verdict) -> None:
    """An item's rows must be of the newest state that was sent, or of one with the same text."""
    times = standing(sent)
    if sent[times[0]].get("is_deleted"):
        mark = next((row for row in rows if row.attr_id == ITEM_ATTR), None)
        if mark is None or not mark.is_deleted or mark.event_ms not in times:
            found.lost += 1
            found.say(f"{item}: its end is not told")
        return
    live = [row for row in rows if not row.is_deleted]
    if not live:
        found.lost += 1
        found.say(f"{item}: no rows at all")
        return
    for row in live:
        if row.event_ms not in times:
            found.lost += 1
            found.say(f"{item}, {row.attr_id}: of {row.event_ms}, the newest text is of {times[-1]}")
        elif row.fingerprint not in {_fingerprint(sent[at], at, row) for at in times}:
            found.wrong += 1
            found.say(f"{item}, {row.attr_id}: not computed from what was sent")


def _fingerprint(event: Mapping[str, Any], event_ms: int, row: KnowledgeRow) -> str:
    raw = RawMessage(ITEM_EVENTS, 0, 0, event_ms, str(event["item_id"]).encode(), json.dumps(event).encode())
    arrival = check_event(raw, None)
    if not isinstance(arrival, Arrival):
        raise ValueError(f"the load sent a bad event: {arrival.reason}")
    stamp: Any = _Stamp(row.provenance.ontology_version, row.provenance.model)
    return fingerprint_of(ShardItem(arrival.listing, event_ms), stamp)


def messages(servers: str, topic: str, record: type) -> list[Any]:
    """All messages that a topic has now. Errors: TimeoutError where the broker does not hand them over."""
    found: list[Any] = []
    deadline = time.monotonic() + READ_S
    with closing(open_log(servers, [topic], READ_S)) as log:
        ends = log.ends()
        log.seek({})
        while any(at < ends[place] for place, at in log.positions().items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} was not read in {READ_S:g} s")
            found += [parse_record(record, orjson.loads(one.value or b"")) for one in log.poll(0.5, 500)]
    return found


def table_rows(table: Path) -> State:
    """The table's rows, read without Spark; a commit beside it may replace files while they are read."""
    if not is_table(table):
        return {}
    for tries_left in (3, 2, 1, 0):
        try:
            batches = list(read_slices(table, file_slices(table)))
            break
        except OSError:
            if not tries_left:
                raise
            time.sleep(2)
    found = arrow_to_records(pa.Table.from_batches(batches), KnowledgeRow)
    return {(row.item_id, row.attr_id): row for row in found}


def store_rows(folder: Path, items: Iterable[str]) -> State:
    """What the lookup store holds of some items."""
    with closing(EmbeddedStore(folder)) as kv:
        store = KnowledgeStore(kv)
        return {(item, attr): row for item in items for attr, row in store.state(item).rows.items()}
