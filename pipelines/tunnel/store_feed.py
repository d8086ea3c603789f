"""What the item store takes from each topic, and how a table's rows become its beginning (T4, T8).

The store refuses exactly what the merge refuses (`pipelines.tunnel.merge_intake`): a row that one of them took and the
other did not would part them for ever. Files of batch runs reach the store as the changes that their merge makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import orjson

from pipelines.tunnel.merge_intake import (
    NO_VALUE,
    NOT_JSON,
    WRONG_KEY,
    IntakeLimits,
    RawMessage,
    read_results,
    require_past,
)
from pipelines.tunnel.store import ItemRows
from schemas.change import Change
from schemas.derive import BadRecord, parse_record
from schemas.knowledge import KnowledgeRow
from schemas.topics import CHANGES, RESULTS

TOPICS = (RESULTS, CHANGES)


def rows_in(message: RawMessage, now_ms: int, limits: IntakeLimits) -> ItemRows | None:
    """The rows that a message brings, None where it names files. Errors: BadRecord.

    Their time is the message's, so that a store that is made anew from the same topics gets the same history.
    """
    if message.topic == RESULTS:
        results = read_results(message, now_ms, limits)
        return ItemRows(results.item_id, results.rows, message.time_ms) if results.rows else None
    change = read_change(message.value)
    if message.key != change.item_id.encode("utf-8", "replace"):
        raise BadRecord(WRONG_KEY, "item_id", "the key of a change is its item")
    require_past((change.after,), min(now_ms, message.time_ms), limits)
    return ItemRows(change.item_id, (change.after,), message.time_ms)


def read_change(value: bytes | None) -> Change:
    """The change that a message holds. Errors: BadRecord."""
    if value is None:
        raise BadRecord(NO_VALUE, "value", "a change has a value")
    try:
        mapping = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise BadRecord(NOT_JSON, "value", str(error)) from None
    return parse_record(Change, mapping)


def rows_of_table(rows: Iterable[tuple[int, KnowledgeRow]]) -> Iterator[ItemRows]:
    """Whole items of a table as the store's beginning. Shapes: (time of the row's commit in Unix ms, row).

    A row is known since its commit; what held before the item's newest commit the table does not say any more.
    """
    ordered = sorted(rows, key=lambda one: (one[1].item_id, one[0]))
    for item_id, found in groupby(ordered, key=lambda one: one[1].item_id):
        yield from _item(item_id, list(found))


def _item(item_id: str, rows: Sequence[tuple[int, KnowledgeRow]]) -> Iterator[ItemRows]:
    complete_ms = rows[-1][0]
    for known_ms, found in groupby(rows, key=itemgetter(0)):
        yield ItemRows(item_id, tuple(row for _, row in found), known_ms, complete_ms)
