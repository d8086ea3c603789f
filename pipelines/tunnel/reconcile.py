"""Reconciliation: table = replayed changes = lookup store, proved or told row by row (T8, B4).

A state is summed up as 4,096 fingerprints, one for each share of the items: sums of row digests, so that rows may come
in any order, and a replay only takes the old row out and puts the new one in. Two states with equal fingerprints are
equal but for a chance of 2^-64 a share; where they differ, only those shares are looked at row by row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.change import Change
from schemas.knowledge import KnowledgeRow

SHARES = 4096
_MASK = (1 << 64) - 1
SHOWN = 20
Key = tuple[str, str]


class Mark(NamedTuple):
    """What tells two rows of one key apart, and which of them wins."""

    item_id: str
    attr_id: str
    version: int
    digest: str


def mark_of(row: KnowledgeRow) -> Mark:
    """The mark of a row."""
    return Mark(row.item_id, row.attr_id, row.version, row.digest)


def share_of(item_id: str) -> int:
    """The share of the items that an item belongs to."""
    text = item_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=2).digest(), "big") % SHARES


@dataclass(slots=True)
class Fingerprint:
    """The sums of a state, and how many rows it has."""

    sums: list[int] = field(default_factory=lambda: [0] * SHARES)
    rows: int = 0

    def add(self, mark: Mark, times: int = 1) -> None:
        """Put a row in, or take it out with `times` -1."""
        parts = (mark.item_id, mark.attr_id, str(mark.version), mark.digest)
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
        share = share_of(mark.item_id)
        self.sums[share] = (self.sums[share] + times * number) & _MASK
        self.rows += times

    def differs(self, other: Fingerprint) -> set[int]:
        """The shares in which two states are not the same."""
        pairs = zip(self.sums, other.sums, strict=True)
        return {share for share, (mine, theirs) in enumerate(pairs) if mine != theirs}

    def copy(self) -> Fingerprint:
        """Another one, the same."""
        return Fingerprint(list(self.sums), self.rows)


def fingerprint(marks: Iterable[Mark]) -> Fingerprint:
    """Sum up a state."""
    found = Fingerprint()
    for mark in marks:
        found.add(mark)
    return found


class Difference(NamedTuple):
    """One row that is not the same in the table and elsewhere. None: it is not there."""

    source: str
    item_id: str
    attr_id: str
    table: Mark | None
    other: Mark | None

    @property
    def table_is_ahead(self) -> bool:
        """Whether the table's row is the one to keep: the other is absent or would lose to it."""
        if self.table is None or self.other is None:
            return self.other is None
        return self.table[2:] > self.other[2:]

    def __str__(self) -> str:
        table, other = (
            "absent" if mark is None else f"version {mark.version}, digest {mark.digest}"
            for mark in (self.table, self.other)
        )
        return f"{self.item_id}, {self.attr_id}: table {table}; {self.source} {other}"


def differences(
    source: str, table: Callable[[], Iterable[Mark]], other: Callable[[], Iterable[Mark]]
) -> list[Difference]:
    """The rows in which a state differs from the table's. Both are read once, and again only where they differ."""
    shares = fingerprint(table()).differs(fingerprint(other()))
    if not shares:
        return []
    mine, theirs = _in_shares(table(), shares), _in_shares(other(), shares)
    keys = sorted({*mine, *theirs})
    return [
        Difference(source, *key, mine.get(key), theirs.get(key))
        for key in keys
        if mine.get(key) != theirs.get(key)
    ]


@dataclass(frozen=True, slots=True)
class Replayed:
    """Changes folded by key: the row before the first and the row after the last of them."""

    first: Mapping[Key, Mark | None]
    last: Mapping[Key, Mark]


def fold(changes: Iterable[Change]) -> Replayed:
    """Fold changes, in any order and number: `sequence` orders them."""
    oldest: dict[Key, tuple[int, Mark | None]] = {}
    newest: dict[Key, tuple[int, Mark]] = {}
    for change in changes:
        key = (change.item_id, change.attr_id)
        if key not in oldest or change.sequence < oldest[key][0]:
            before = None if change.before is None else mark_of(change.before)
            oldest[key] = (change.sequence, before)
        if key not in newest or change.sequence > newest[key][0]:
            newest[key] = (change.sequence, mark_of(change.after))
    return Replayed(
        {key: mark for key, (_, mark) in oldest.items()}, {key: mark for key, (_, mark) in newest.items()}
    )


def replay_differences(
    base: Fingerprint,
    replayed: Replayed,
    table: Callable[[], Iterable[tuple[Mark, bool]]],
    told_again: Collection[str] = (),
) -> list[Difference]:
    """The rows in which the table differs from a base state with changes replayed over it.

    `base`: fingerprint of the state that the changes begin from. `table` yields each row with whether a commit after
    the base wrote it. A row that no change tells of and no such commit wrote, in a share that differs all the same, is
    told as differing from an absent one: the base does not say which of its share's rows it is.
    `told_again`: items whose rows were published again, as they are; of their shares only what changes tell is compared,
    for what these rows were before is lost with the changes that got lost.
    """
    expected = base.copy()
    for key, mark in replayed.last.items():
        before = replayed.first[key]
        if before is not None:
            expected.add(before, -1)
        expected.add(mark)
    shares = expected.differs(fingerprint(mark for mark, _ in table()))
    if not shares:
        return []
    found: list[Difference] = []
    seen: set[Key] = set()
    vague: list[Mark] = []
    for mark, is_new in table():
        if share_of(mark.item_id) in shares:
            key = (mark.item_id, mark.attr_id)
            seen.add(key)
            other = replayed.last.get(key)
            if other != mark and (is_new or other is not None):
                found.append(Difference("changes", *key, mark, other))
            elif other is None:
                vague.append(mark)
    lost = [key for key in replayed.last if share_of(key[0]) in shares and key not in seen]
    found += [Difference("changes", *key, None, replayed.last[key]) for key in lost]
    told = {share_of(item_id) for item_id in (*(one.item_id for one in found), *told_again)}
    rest = (mark for mark in vague if share_of(mark.item_id) in shares - told)
    found += [Difference("changes", mark.item_id, mark.attr_id, mark, None) for mark in rest]
    return sorted(found, key=lambda one: (one.item_id, one.attr_id))


def lasting(found: Sequence[Difference], earlier: Sequence[Difference]) -> list[Difference]:
    """The differences that were there before, too: others are rows on their way between two looks."""
    known = set(earlier)
    return [difference for difference in found if difference in known]


class Divergence(RuntimeError):
    """The states differ and could not be repaired. The message lists the rows; `found` has all of them."""

    def __init__(self, found: Sequence[Difference]) -> None:
        shown = "".join(f"\n  {difference}" for difference in found[:SHOWN])
        more = f"\n  and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        super().__init__(f"{len(found)} rows differ after repair:{shown}{more}")
        self.found = list(found)


@dataclass(frozen=True, slots=True)
class ReconcileConfig:
    """How often is looked, and how long between two looks: as long as a row may take through all of the tunnel."""

    looks: int = 4
    pause_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found and done. `repaired`: differences that were there and are gone."""

    rows: int
    looks: int
    repaired: list[Difference]


def reconcile(
    look: Callable[[Collection[str]], tuple[int, list[Difference]]],
    repair: Callable[[Sequence[Difference]], None],
    sleep: Callable[[float], None],
    config: ReconcileConfig,
) -> Outcome:
    """Look until nothing differs that differed at the look before; repair what does.

    `look` is given the items that were repaired so far; it returns how many rows the table has, and the differences.
    Errors: Divergence.
    """
    asked: set[Difference] = set()
    earlier: list[Difference] | None = None
    rows = 0
    for number in range(1, config.looks + 1):
        rows, found = look({one.item_id for one in asked})
        if not found:
            return Outcome(rows, number, sorted(asked, key=str))
        if earlier is not None:
            stay = lasting(found, earlier)
            if not stay:
                return Outcome(rows, number, sorted(asked, key=str))
            if number < config.looks:
                repair(stay)
                asked.update(stay)
        earlier = found
        if number < config.looks:
            sleep(config.pause_s)
    raise Divergence(lasting(earlier or [], earlier or []))


def _in_shares(marks: Iterable[Mark], shares: set[int]) -> dict[Key, Mark]:
    return {(mark.item_id, mark.attr_id): mark for mark in _some(marks, shares)}


def _some(marks: Iterable[Mark], shares: set[int]) -> Iterator[Mark]:
    return (mark for mark in marks if share_of(mark.item_id) in shares)
