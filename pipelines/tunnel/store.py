"""The rule of the key-value store: rows applied to what is known of one item, incrementally (T4, B4).

The state after any history of batches is `udfs.version.settle` of all their rows, because settling may be done in
parts and in any order. Pure: no store, no clock; `tests/unit/pipelines/tunnel/test_store.py` proves it by properties.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.knowledge import KnowledgeRow
from udfs.version import MARKERS, MOVED_ATTR, item_pasts, settle

DAY_MS = 86_400_000


class HistoryGone(LookupError):
    """The history that is kept does not reach back to the time asked for."""


class HistoryGap(RuntimeError):
    """An earlier row that an item's state names is not in the store. The message says what to do."""


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """How much history is kept of each (item, attribute): so many earlier rows, and those that held within so many days."""

    earlier_rows: int = 20
    days: int = 90


@dataclass(frozen=True, slots=True)
class ItemRows:
    """Rows of one item and when they became known (Unix ms).

    `complete_ms`: set where the rows are the whole state from a table: what held before that time is not known.
    """

    item_id: str
    rows: tuple[KnowledgeRow, ...]
    known_ms: int
    complete_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ItemState:
    """What is known of one item.

    `rows`: the settled row of each attr_id. `known`: since when each is the winner, after the times of its earlier rows,
    oldest first. `exact_from_ms`: from when on the history answers exactly.
    """

    rows: Mapping[str, KnowledgeRow] = field(default_factory=dict)
    known: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    exact_from_ms: int = 0

    def row_at(self, attr_id: str, moment_ms: int) -> int | None:
        """Since when the row had been the winner that was so at a moment; None where there was none yet."""
        times = [known for known in self.known.get(attr_id, ()) if known <= moment_ms]
        return times[-1] if times else None


EMPTY = ItemState()


@dataclass(frozen=True, slots=True)
class Step:
    """What applying rows did to an item: its new state, rows that are now history, history that is dropped.

    `earlier` and `dropped` name history by (attr_id, known_ms).
    """

    state: ItemState
    changed: tuple[str, ...]
    earlier: Mapping[tuple[str, int], KnowledgeRow]
    dropped: tuple[tuple[str, int], ...]


def apply_rows(state: ItemState, given: ItemRows, limits: HistoryLimits) -> Step | None:
    """The step that rows of an item make, or None where they change nothing (losers, repetitions).

    Units: Unix ms. An attribute's times strictly grow, whatever the clocks of the messages say.
    """
    settled = {key[1]: row for key, row in settle([*state.rows.values(), *given.rows]).items()}
    changed = tuple(attr for attr, row in settled.items() if state.rows.get(attr) != row)
    if not changed:
        return None
    known = dict(state.known)
    earlier: dict[tuple[str, int], KnowledgeRow] = {}
    dropped: list[tuple[str, int]] = []
    exact_from_ms = max(state.exact_from_ms, given.complete_ms or 0)
    for attr in changed:
        if attr == MOVED_ATTR:
            continue
        times = known.get(attr, ())
        now_ms = max(given.known_ms, times[-1] + 1) if times else given.known_ms
        if times:
            earlier[attr, times[-1]] = state.rows[attr]
        kept = _kept((*times, now_ms), now_ms, limits)
        if len(kept) <= len(times):
            dropped += [(attr, gone) for gone in times if gone < kept[0]]
            exact_from_ms = max(exact_from_ms, kept[0])
        known[attr] = kept
    gone = set(dropped)
    stored = {place: row for place, row in earlier.items() if place not in gone}
    return Step(ItemState(settled, known, exact_from_ms), changed, stored, tuple(dropped))


def _kept(times: tuple[int, ...], now_ms: int, limits: HistoryLimits) -> tuple[int, ...]:
    """The times that are kept: of the present row, and of earlier ones within the limits.

    The newest row from before the horizon is kept, too: it is what held at the horizon.
    """
    horizon_ms = now_ms - limits.days * DAY_MS
    first = max(0, len(times) - 1 - limits.earlier_rows)
    while first + 1 < len(times) and times[first + 1] <= horizon_ms:
        first += 1
    return times[first:]


def category_of(rows: Iterable[KnowledgeRow]) -> str | None:
    """The category that an item is in by its settled rows; None where nothing of it lives."""
    given = list(rows)
    if not any(is_shown(row) for row in given):
        return None
    return item_pasts(given)[given[0].item_id].category_id


def is_shown(row: KnowledgeRow) -> bool:
    """Whether a settled row is a fact for readers: neither a tombstone nor the memory of one."""
    return not row.is_deleted and row.attr_id not in MARKERS


def rows_at(
    state: ItemState, earlier: Mapping[tuple[str, int], KnowledgeRow], moment_ms: int
) -> list[KnowledgeRow]:
    """The rows that were the winners at a moment. `earlier`: the item's history.

    Errors: HistoryGone, HistoryGap.
    """
    if moment_ms < state.exact_from_ms:
        raise HistoryGone(f"history of this item is kept from {state.exact_from_ms} on")
    found = []
    for attr, times in state.known.items():
        since_ms = state.row_at(attr, moment_ms)
        if since_ms is None:
            continue
        row = state.rows[attr] if since_ms == times[-1] else earlier.get((attr, since_ms))
        if row is None:
            raise HistoryGap(
                f"{attr} as of {since_ms} is missing: rebuild the store (`./aiic serve --rebuild`)"
            )
        found.append(row)
    return found
