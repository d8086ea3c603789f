"""Item states, rows and views as bytes. What readers get is made once, when it changes, not at each look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pipelines.tunnel.store import ItemState, category_of, is_shown
from schemas.knowledge import STATED, Evidence, KnowledgeRow, Provenance

SHOWN_FIELDS = (
    "attr_id", "value_ids", "value_texts", "confidence", "evidence", "provenance", "event_ms", "version",
)  # fmt: skip
"""What a reader gets of a stated fact; ids of the item are told once."""


def state_bytes(state: ItemState) -> bytes:
    """An item's whole state."""
    return orjson.dumps(
        {"exact_from_ms": state.exact_from_ms, "known": state.known, "rows": list(state.rows.values())}
    )


def state_of(raw: bytes) -> ItemState:
    """The state that `state_bytes` wrote."""
    found = orjson.loads(raw)
    rows = [_row(one) for one in found["rows"]]
    known = {attr: tuple(times) for attr, times in found["known"].items()}
    return ItemState({row.attr_id: row for row in rows}, known, found["exact_from_ms"])


def row_bytes(row: KnowledgeRow) -> bytes:
    """One row of history."""
    return orjson.dumps(row)


def row_of(raw: bytes) -> KnowledgeRow:
    """The row that `row_bytes` wrote."""
    return _row(orjson.loads(raw))


def view_bytes(item_id: str, rows: Iterable[KnowledgeRow]) -> bytes:
    """An item as readers get it: stated facts with their evidence, and what it does not state.

    `is_deleted`: nothing of the item lives. `category_id` is then null.
    """
    given = sorted(rows, key=lambda row: row.attr_id)
    shown = [row for row in given if is_shown(row)]
    view = {
        "item_id": item_id,
        "category_id": category_of(given),
        "spu_id": next((row.spu_id for row in shown if row.spu_id), None),
        "is_deleted": not shown,
        "version": max((row.version for row in given), default=0),
        "facts": [fact(row) for row in shown if row.status == STATED],
        "not_stated": [row.attr_id for row in shown if row.status != STATED],
    }
    return orjson.dumps(view)


def fact(row: KnowledgeRow) -> dict[str, Any]:
    """What a reader gets of one row."""
    return {name: getattr(row, name) for name in SHOWN_FIELDS}


def _row(found: Mapping[str, Any]) -> KnowledgeRow:
    """A row that was checked when it came in: contracts are not checked again at each read."""
    return KnowledgeRow(
        **{
            **found,
            "value_ids": tuple(found["value_ids"]),
            "value_texts": tuple(found["value_texts"]),
            "evidence": tuple(Evidence(**one) for one in found["evidence"]),
            "provenance": Provenance(**found["provenance"]),
        }
    )
