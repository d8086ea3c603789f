"""The one order of knowledge rows, and the one state that any set of them ends in (paper section 6.2; T4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from schemas.knowledge import NOT_STATED, TIERS, KnowledgeRow, Provenance

GENERATION_BITS = 19
TIER_BITS = 2
MAX_GENERATION = (1 << GENERATION_BITS) - 1
MAX_EVENT_MS = (1 << 42) - 1
SAID_FIELDS = ("category_id", "value_ids", "value_texts", "status", "is_deleted")

ITEM_ATTR = "_item"
"""attr_id of the tombstone of a whole item: rows older than it are retired."""
MOVED_ATTR = "_moved"
"""attr_id of the tombstone that remembers, at its version, the newest row of a category that the item left."""
MARKERS = (ITEM_ATTR, MOVED_ATTR)
RESERVED_ATTRS = frozenset({*MARKERS, "_category", "_scenario"})
"""attr_ids of rows that recognition and merge write themselves: no key of an ontology may have such an id."""
RETIRED = ".retired"
"""What a retired row's digest ends with: it wins over the row that it was, and loses where that row lost."""


def version_of(event_ms: int, generation: int, tier: str) -> int:
    """Pack the merge order of a row into one BIGINT: input time, then generation, then tier.

    Errors: ValueError when a part does not fit its bits.
    Source: ours (design.md); the paper orders streams by event time and batches by snapshot time.

    >>> version_of(1, 0, "offline") > version_of(0, MAX_GENERATION, "expert")
    True
    """
    if not 0 <= event_ms <= MAX_EVENT_MS:
        raise ValueError(f"event_ms {event_ms} does not fit 42 bits")
    if not 0 <= generation <= MAX_GENERATION:
        raise ValueError(f"generation {generation} does not fit {GENERATION_BITS} bits")
    if tier not in TIERS:
        raise ValueError(f"tier {tier!r} is none of {', '.join(TIERS)}")
    return event_ms << (GENERATION_BITS + TIER_BITS) | generation << TIER_BITS | TIERS.index(tier)


def event_ms_of(version: int) -> int:
    """Input time of a packed version."""
    return version >> (GENERATION_BITS + TIER_BITS)


def content_digest(row: KnowledgeRow) -> str:
    """Digest of a row's whole content but the digest itself: rows of equal order are equal rows. 32 hex digits."""
    content = {name: value for name, value in asdict(row).items() if name != "digest"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def with_digest(row: KnowledgeRow) -> KnowledgeRow:
    """The row with its `digest` filled in."""
    return replace(row, digest=content_digest(row))


def says_the_same(a: KnowledgeRow, b: KnowledgeRow) -> bool:
    """Whether two rows state the same fact, whatever their version, confidence and provenance."""
    return all(getattr(a, name) == getattr(b, name) for name in SAID_FIELDS)


def order(row: KnowledgeRow) -> tuple[int, str]:
    """The total order of one key's rows: greater version, then greater digest."""
    return (row.version, row.digest)


def newest(a: KnowledgeRow, b: KnowledgeRow) -> KnowledgeRow:
    """The row that wins. Rows of equal order say the same, so either may be returned."""
    return a if order(a) >= order(b) else b


def last_write_wins(rows: Iterable[KnowledgeRow]) -> dict[tuple[str, str], KnowledgeRow]:
    """The winner of each (item_id, attr_id), whatever the order of the rows."""
    winners: dict[tuple[str, str], KnowledgeRow] = {}
    for row in rows:
        key = (row.item_id, row.attr_id)
        winners[key] = newest(winners[key], row) if key in winners else row
    return winners


def settle(rows: Iterable[KnowledgeRow]) -> dict[tuple[str, str], KnowledgeRow]:
    """The state that a set of rows ends in: last write wins, then what an item has left behind is retired.

    A row is retired when its item was taken down after it (a newer `_item` row), or was in another category after
    it (a newer row of another category). The result may be settled again with further rows, in any order and
    number: settle(settle(A) + B) == settle(A + B). What a winner hides from later rows, that the item once was
    in another category, is kept in one `_moved` row an item.
    Source: ours; the paper (section 6.2) orders single rows only.
    """
    given = list(rows)
    pasts = item_pasts(given)
    settled = {}
    for key, row in last_write_wins(given).items():
        settled[key] = retired(row) if pasts[row.item_id].leaves_behind(row) else row
    for item_id, past in pasts.items():
        if past.moved_version is not None:
            settled[item_id, MOVED_ATTR] = moved_row(item_id, past.moved_version)
    return settled


@dataclass(frozen=True, slots=True)
class ItemPast:
    """What an item has left behind.

    Units: versions. `moved_version` is the newest row of any category but the newest one, `deleted_version` the
    newest `_item` row; None where there is no such row.
    """

    category_id: str | None
    category_version: int
    moved_version: int | None
    deleted_version: int | None

    def leaves_behind(self, row: KnowledgeRow) -> bool:
        """Whether the row is older than the item's leaving of the row's category, or its taking down."""
        if row.attr_id in MARKERS:
            return False
        if self.deleted_version is not None and row.version < self.deleted_version:
            return True
        if row.category_id != self.category_id:
            return row.version < self.category_version
        return self.moved_version is not None and row.version < self.moved_version


def item_pasts(rows: Iterable[KnowledgeRow]) -> dict[str, ItemPast]:
    """The past of each item that has rows. Feed all rows, not winners: a loser may be of another category."""
    newest_in: dict[str, dict[str, int]] = {}
    marked: dict[str, dict[str, int]] = {}
    for row in rows:
        versions = newest_in.setdefault(row.item_id, {})
        marks = marked.setdefault(row.item_id, {})
        into, name = (marks, row.attr_id) if row.attr_id in MARKERS else (versions, row.category_id)
        into[name] = max(into.get(name, 0), row.version)
    return {item_id: _past(versions, marked[item_id]) for item_id, versions in newest_in.items()}


def _past(newest_in: dict[str, int], marked: dict[str, int]) -> ItemPast:
    # Of two categories of equal version either may be the newest: neither then retires the other.
    category_id = max(newest_in, key=lambda name: (newest_in[name], name), default=None)
    others = [version for name, version in newest_in.items() if name != category_id]
    if MOVED_ATTR in marked:
        others.append(marked[MOVED_ATTR])
    return ItemPast(
        category_id=category_id,
        category_version=newest_in[category_id] if category_id is not None else 0,
        moved_version=max(others, default=None),
        deleted_version=marked.get(ITEM_ATTR),
    )


def retired(row: KnowledgeRow) -> KnowledgeRow:
    """The tombstone of a row that its item has left behind; a retired row stays as it is.

    It keeps the row's version, so that it does not depend on what retired the row, nor when.
    """
    if row.digest.endswith(RETIRED):
        return row
    return replace(row, is_deleted=True, digest=row.digest + RETIRED)


def moved_row(item_id: str, version: int) -> KnowledgeRow:
    """The tombstone that remembers that the item was in a category at `version` that it has left."""
    return KnowledgeRow(
        item_id=item_id,
        attr_id=MOVED_ATTR,
        category_id="",
        spu_id=None,
        value_ids=(),
        value_texts=(),
        status=NOT_STATED,
        evidence=(),
        confidence=0.0,
        provenance=Provenance(TIERS[0], "none", "", "", "", ""),
        fingerprint="",
        event_ms=event_ms_of(version),
        version=version,
        digest="",
        is_deleted=True,
    )
