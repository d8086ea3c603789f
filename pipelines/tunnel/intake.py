"""Intake: listings that keep their contract go on, the others become rejects and stop nothing (T7)."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.tunnel.intake_read import BadLine, EmptyInput, RawRecord, input_files, raw_records
from schemas.listing import Listing
from schemas.moment import time_ms
from schemas.parse import BadRecord, parse_record, unknown_fields
from schemas.shard import Reject, ShardItem

MAX_FUTURE_MS = 5 * 60 * 1000
DUPLICATE_ID = "duplicate_id"
TIME_IN_FUTURE = "time_in_future"
_KEPT_CHARACTERS = 500


@dataclass(frozen=True)
class ListingBatch:
    """The listings of some files, read anew at each iteration: items and rejects in the order of the input.

    `losers` are the places, among the listings that keep their contract, of those that a newer state of the
    same item replaces.
    """

    files: tuple[Path, ...]
    now_ms: int
    default_event_ms: int
    max_future_ms: int
    losers: frozenset[int]
    records: int
    unknown_fields: tuple[str, ...]

    def __iter__(self) -> Iterator[ShardItem | Reject]:
        place = -1
        for raw in _all_records(self.files):
            entry = _checked(raw, self.now_ms, self.default_event_ms, self.max_future_ms)
            if isinstance(entry, ShardItem):
                place += 1
                if place in self.losers:
                    yield _reject(
                        raw,
                        DUPLICATE_ID,
                        "a newer state of this item, or an equal one before it, is in the input",
                    )
                    continue
            yield entry


def read_listings(
    paths: Sequence[str | Path], now_ms: int, default_event_ms: int, max_future_ms: int = MAX_FUTURE_MS
) -> ListingBatch:
    """The listings of JSONL and Parquet files (or folders of them) as one batch, one state an item.

    An item given twice is kept once: the state with the newest event_time, at equal times the first one;
    the others are rejects `duplicate_id`. A listing without event_time gets `default_event_ms`. The files are read
    twice, and what is held of each listing is 24 bytes.
    Errors: AbsentInput, EmptyInput, UnreadableInput, all before the first listing.
    """
    files = tuple(input_files([Path(path) for path in paths]))
    order = _Order()
    extra: dict[str, None] = {}
    records = 0
    for raw in _all_records(files):
        records += 1
        entry = _checked(raw, now_ms, default_event_ms, max_future_ms)
        if isinstance(entry, ShardItem):
            order.add(entry.listing.item_id, entry.event_ms)
            extra.update(dict.fromkeys(unknown_fields(Listing, raw.content)))
    if not records:
        names = ", ".join(str(path) for path in paths)
        raise EmptyInput(f"{names}: not a single record; give a file of listings, one JSON object a line")
    return ListingBatch(
        files, now_ms, default_event_ms, max_future_ms, order.losers(), records, tuple(sorted(extra))
    )


class _Order:
    """Who of the listings with one id is the newest: 24 bytes a listing, no text."""

    def __init__(self) -> None:
        self._digests = bytearray()
        self._times = array("q")

    def add(self, item_id: str, event_ms: int) -> None:
        self._digests += hashlib.blake2b(item_id.encode("utf-8"), digest_size=16).digest()
        self._times.append(event_ms)

    def losers(self) -> frozenset[int]:
        """Places of all listings but the winner of each id."""
        digests = np.frombuffer(self._digests, dtype=np.uint64).reshape(-1, 2)
        times = np.frombuffer(self._times, dtype=np.int64)
        # The last key counts most; the sort is stable, so that equal times stay in input order.
        order = np.lexsort((-times, digests[:, 1], digests[:, 0]))
        same = (digests[order[1:]] == digests[order[:-1]]).all(axis=1)
        return frozenset(order[1:][same].tolist())


def _all_records(files: Sequence[Path]) -> Iterator[RawRecord]:
    for path in files:
        yield from raw_records(path)


def _checked(raw: RawRecord, now_ms: int, default_event_ms: int, max_future_ms: int) -> ShardItem | Reject:
    if raw.fault is not None:
        return _reject(raw, raw.fault.reason, raw.fault.detail)
    try:
        listing = parse_record(Listing, raw.content)
        event_ms = default_event_ms if listing.event_time is None else time_ms(listing.event_time)
        if event_ms > now_ms + max_future_ms:
            raise BadLine(TIME_IN_FUTURE, f"event_time: {(event_ms - now_ms) // 1000} s in the future")
    except BadRecord as fault:
        return _reject(raw, fault.reason, f"{fault.field}: {fault.detail}")
    except BadLine as fault:
        return _reject(raw, fault.reason, fault.detail)
    return ShardItem(listing, event_ms)


def _reject(raw: RawRecord, reason: str, detail: str) -> Reject:
    given = raw.content.get("item_id") if isinstance(raw.content, dict) else None
    item_id = _clean(given)[:200] if isinstance(given, str) else None
    return Reject(
        raw.source, raw.line, item_id, reason, _clean(detail), _clean(raw.beginning)[:_KEPT_CHARACTERS]
    )


def _clean(text: str) -> str:
    """Text that any reader of the rejects file can read: no NUL, no half surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
