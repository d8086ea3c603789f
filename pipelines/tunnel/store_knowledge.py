"""Item knowledge in a key-value store: the rule applied inside one write, with the positions it was read up to (T4, B4).

A restart goes on at the positions that were written with the rows, so that nothing is lost; what is read twice
changes nothing. Each write carries its consumer's term: one that was replaced while it slept cannot write any more.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.tunnel import store_keys as keys
from pipelines.tunnel.store import (
    EMPTY,
    HistoryGap,
    HistoryGone,
    HistoryLimits,
    ItemRows,
    ItemState,
    apply_rows,
    category_of,
    rows_at,
)
from pipelines.tunnel.store_codec import row_bytes, row_of, state_bytes, state_of, view_bytes
from pipelines.tunnel.store_kv import KeyValue, Reader, Writer
from schemas.knowledge import KnowledgeRow

FORMAT = 1
SCAN_STEP = 1_000
MAX_HISTORY_ROWS = 100_000
Positions = Mapping[tuple[str, int], int]


class StoreError(RuntimeError):
    """The store cannot be used. The message says what to do."""


class Superseded(StoreError):
    """Another consumer has taken over writing."""


class BadCursor(ValueError):
    """A cursor that this store never gave."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What one write did: items and rows given, items that changed, rows that changed."""

    items: int = 0
    rows: int = 0
    changed_items: int = 0
    changed_rows: int = 0

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            self.items + other.items,
            self.rows + other.rows,
            self.changed_items + other.changed_items,
            self.changed_rows + other.changed_rows,
        )


@dataclass(frozen=True, slots=True)
class Past:
    """A row of an item's history. Units: Unix ms. `until_ms` is None for the present row."""

    row: KnowledgeRow
    from_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class KnowledgeStore:
    """The item store over a key-value store."""

    kv: KeyValue
    limits: HistoryLimits = field(default_factory=HistoryLimits)

    def begin_term(self) -> int:
        """Become the store's only writer; the term is to be given to each write. Errors: StoreError."""
        with self.kv.writing() as writer:
            self._check_format(writer)
            term = int(writer.get(keys.meta_key("term")) or b"0") + 1
            writer.put(keys.meta_key("term"), b"%d" % term)
            writer.put(keys.meta_key("format"), b"%d" % FORMAT)
            return term

    def apply(
        self, given: Sequence[ItemRows], term: int, positions: Positions | None = None, status: bytes = b""
    ) -> Applied:
        """Apply rows of items and note how far was read, in one write. `status`: what readers shall know of the writer.

        Items may come several times; their rows are applied in the order given. Errors: Superseded.
        """
        with self.kv.writing() as writer:
            _check_term(writer, term)
            before = self._states(writer, [one.item_id for one in given])
            after = dict(before)
            done = Applied()
            for one in given:
                changed = self._step(writer, after, one)
                done += Applied(1, len(one.rows), 0, changed)
            different = [item_id for item_id, state in after.items() if state is not before[item_id]]
            for item_id in different:
                _write_item(writer, item_id, before[item_id], after[item_id])
            done += Applied(changed_items=len(different))
            for (topic, partition), offset in (positions or {}).items():
                writer.put(keys.position_key(topic, partition), b"%d" % offset)
            if status:
                writer.put(keys.meta_key("status"), status)
            return done

    def note(self, name: str, value: bytes, term: int) -> None:
        """Write a fact about the store itself. Errors: Superseded."""
        with self.kv.writing() as writer:
            _check_term(writer, term)
            writer.put(keys.meta_key(name), value)

    def noted(self, name: str) -> bytes | None:
        """A fact about the store itself."""
        with self.kv.reading() as reader:
            return reader.get(keys.meta_key(name))

    def positions(self) -> dict[tuple[str, int], int]:
        """The next offset to read, by topic and partition."""
        with self.kv.reading() as reader:
            found = reader.scan(*keys.table_range(keys.POSITION), SCAN_STEP)
        return {keys.position_of(key): int(value) for key, value in found}

    def views(self, item_ids: Sequence[str]) -> list[bytes | None]:
        """Items as readers get them, same order; None for what was never known."""
        with self.kv.reading() as reader:
            return reader.get_many([keys.view_key(item_id) for item_id in item_ids])

    def state(self, item_id: str) -> ItemState:
        """Everything that is known of an item, tombstones included."""
        with self.kv.reading() as reader:
            return _state(reader, item_id)

    def states(self) -> Iterator[ItemState]:
        """The state of every item, in the order of their keys; what changes meanwhile may come old or new."""
        start, stop = keys.table_range(keys.STATE)
        while True:
            with self.kv.reading() as reader:
                found = reader.scan(start, stop, SCAN_STEP)
            if not found:
                return
            yield from (state_of(value) for _, value in found)
            start = keys.just_after(found[-1][0])

    def states_page(self, cursor: str | None, limit: int) -> tuple[list[ItemState], str | None]:
        """As `states`, a page at a time: states, and the cursor of what follows (None: nothing does). Errors: BadCursor."""
        start, stop = keys.table_range(keys.STATE)
        if cursor is not None:
            start = _after_cursor(cursor, keys.STATE)
        with self.kv.reading() as reader:
            found = reader.scan(start, stop, limit + 1)
        states = [state_of(value) for _, value in found[:limit]]
        return states, _cursor(found[limit - 1][0], keys.STATE) if len(found) > limit else None

    def view_at(self, item_id: str, moment_ms: int) -> bytes | None:
        """An item as readers would have got it at a moment; None where nothing was known then.

        Errors: HistoryGone where the history does not reach back so far, HistoryGap.
        """
        with self.kv.reading() as reader:
            state = _state(reader, item_id)
            rows = rows_at(state, _earlier(reader, item_id), moment_ms)
            began_ms = int(reader.get(keys.meta_key("began_ms")) or b"0")
        if not rows and moment_ms < began_ms:
            raise HistoryGone(f"history of this store is kept from {began_ms} on")
        return view_bytes(item_id, rows) if rows else None

    def history(self, item_id: str, attr_id: str | None = None) -> tuple[list[Past], int]:
        """Every row that was the winner, newest first by attribute, and from when on that is all of them.

        Errors: HistoryGap.
        """
        with self.kv.reading() as reader:
            state, earlier = _state(reader, item_id), _earlier(reader, item_id)
        found: list[Past] = []
        for attr, times in sorted(state.known.items()):
            if attr_id not in (None, attr):
                continue
            ends: list[int | None] = [*times[1:], None]
            for from_ms, until_ms in reversed(list(zip(times, ends, strict=True))):
                row = state.rows[attr] if until_ms is None else earlier.get((attr, from_ms))
                if row is None:
                    raise HistoryGap(
                        f"{item_id}: {attr} as of {from_ms} is missing: `./aiic serve --rebuild`"
                    )
                found.append(Past(row, from_ms, until_ms))
        return found, state.exact_from_ms

    def category(self, category_id: str, cursor: str | None, limit: int) -> tuple[list[str], str | None]:
        """Ids of items of a category, and the cursor of what follows (None: nothing does). Errors: BadCursor."""
        start, stop = keys.category_range(category_id)
        if cursor is not None:
            start = _after_cursor(cursor, start)
        with self.kv.reading() as reader:
            found = reader.scan(start, stop, limit + 1)
        ids = [value.decode("utf-8") for _, value in found[:limit]]
        return ids, _cursor(found[limit - 1][0], keys.category_range(category_id)[0]) if len(
            found
        ) > limit else None

    def _check_format(self, writer: Writer) -> None:
        found = writer.get(keys.meta_key("format"))
        if found is not None and int(found) != FORMAT:
            raise StoreError(
                f"the store was written in form {int(found)}, this program reads {FORMAT}: `./aiic serve --rebuild`"
            )

    def _states(self, writer: Writer, item_ids: Sequence[str]) -> dict[str, ItemState]:
        distinct = list(dict.fromkeys(item_ids))
        found = writer.get_many([keys.state_key(item_id) for item_id in distinct])
        return {
            item_id: state_of(raw) if raw else EMPTY for item_id, raw in zip(distinct, found, strict=True)
        }

    def _step(self, writer: Writer, states: dict[str, ItemState], given: ItemRows) -> int:
        """Apply rows of one item to its state; returns how many rows changed."""
        step = apply_rows(states[given.item_id], given, self.limits)
        if step is None:
            return 0
        for (attr, known_ms), row in step.earlier.items():
            writer.put(keys.history_key(given.item_id, attr, known_ms), row_bytes(row))
        for attr, known_ms in step.dropped:
            writer.delete(keys.history_key(given.item_id, attr, known_ms))
        states[given.item_id] = step.state
        return len(step.changed)


def _write_item(writer: Writer, item_id: str, before: ItemState, after: ItemState) -> None:
    """Put an item's new state where it is looked up."""
    writer.put(keys.state_key(item_id), state_bytes(after))
    writer.put(keys.view_key(item_id), view_bytes(item_id, after.rows.values()))
    left, entered = category_of(before.rows.values()), category_of(after.rows.values())
    if left == entered:
        return
    if left is not None:
        writer.delete(keys.category_key(left, item_id))
    if entered is not None:
        writer.put(keys.category_key(entered, item_id), item_id.encode("utf-8"))


def _check_term(writer: Writer, term: int) -> None:
    if int(writer.get(keys.meta_key("term")) or b"0") != term:
        raise Superseded("another consumer writes to this store now: end this one")


def _state(reader: Reader, item_id: str) -> ItemState:
    raw = reader.get(keys.state_key(item_id))
    return state_of(raw) if raw else EMPTY


def _earlier(reader: Reader, item_id: str) -> dict[tuple[str, int], KnowledgeRow]:
    found = reader.scan(*keys.history_range(item_id), MAX_HISTORY_ROWS)
    rows = ((row_of(value), keys.history_known_ms(key)) for key, value in found)
    return {(row.attr_id, known_ms): row for row, known_ms in rows}


def _cursor(key: bytes, prefix: bytes) -> str:
    """A cursor names the last item given, not a place: what is added or removed meanwhile moves nothing."""
    return base64.urlsafe_b64encode(key[len(prefix) :]).decode("ascii").rstrip("=")


def _after_cursor(cursor: str, prefix: bytes) -> bytes:
    try:
        last = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (ValueError, binascii.Error) as error:
        raise BadCursor("this cursor was not given by this service: begin without one") from error
    if not last or len(prefix) + len(last) > 500:
        raise BadCursor("this cursor was not given by this service: begin without one")
    return keys.just_after(prefix + last)
