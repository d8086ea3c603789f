"""The one order of knowledge rows: last write wins (paper section 6.2; T4)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from collections.abc import Iterable

from schemas.knowledge import TIERS, KnowledgeRow

GENERATION_BITS = 19
TIER_BITS = 2
MAX_GENERATION = (1 << GENERATION_BITS) - 1
MAX_EVENT_MS = (1 << 42) - 1
SAID_FIELDS = ("category_id", "value_ids", "value_texts", "status", "is_deleted")


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
