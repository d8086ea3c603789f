"""Shards of the offline tier: whole SPUs of one category, and the manifest of them (paper section 6; T7)."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.contract import ABSENT, Example, contract, spoiled
from schemas.listing import LISTING_EXAMPLE, Listing

_ITEM: dict[str, object] = {"listing": LISTING_EXAMPLE, "event_ms": 1_790_000_000_000}
_ENTRY: dict[str, object] = {
    "plan_id": "0123456789abcdef",
    "shard_id": "00000-tea",
    "category_id": "tea",
    "path": "shards/00000-tea.parquet",
    "rows": 64,
    "spus": 12,
    "digest": "0" * 32,
}
_REJECT: dict[str, object] = {
    "source": "listings.jsonl",
    "line": 7,
    "item_id": None,
    "reason": "wrong_type",
    "detail": "title: a number where text belongs",
    "record": '{"item_id": "sku-1", "title": 7}',
}


@contract(
    name="shard",
    version=1,
    key=("listing.item_id",),
    ordering="event_ms",
    owner="offline job",
    retention_days=30,
    valid=Example(_ITEM),
    invalid=(spoiled(_ITEM, "listing", ABSENT), spoiled(_ITEM, "event_ms", -1)),
)
@dataclass(frozen=True, slots=True)
class ShardItem:
    """Row of `shard` v1: a listing to recognise, and how new it is. One category and whole SPUs a file."""

    listing: Listing = field(metadata={"doc": "the listing as it entered"})
    event_ms: int = field(
        metadata={"minimum": 0, "doc": "event time that the knowledge rows get, Unix ms, UTC"}
    )


@contract(
    name="shard_manifest",
    version=1,
    key=("plan_id", "shard_id"),
    owner="offline job",
    retention_days=30,
    valid=Example(_ENTRY),
    invalid=(spoiled(_ENTRY, "shard_id", ""), spoiled(_ENTRY, "rows", 0)),
)
@dataclass(frozen=True, slots=True)
class ShardEntry:
    """Row of `shard_manifest` v1: one claimable shard of a plan. Key: (plan_id, shard_id)."""

    plan_id: str = field(metadata={"min_length": 1, "doc": "digest of the plan's inputs"})
    shard_id: str = field(metadata={"min_length": 1, "doc": "stable name of the shard inside the plan"})
    category_id: str = field(metadata={"doc": "category of all its listings, empty: to be predicted"})
    path: str = field(metadata={"min_length": 1, "doc": "Parquet file, relative to the plan's folder"})
    rows: int = field(metadata={"minimum": 1, "doc": "listings in the shard"})
    spus: int = field(metadata={"minimum": 1, "doc": "product families in the shard"})
    digest: str = field(metadata={"doc": "digest of the shard's content"})


@contract(
    name="reject",
    version=1,
    key=("source", "line"),
    owner="intake",
    retention_days=30,
    valid=Example(_REJECT),
    invalid=(spoiled(_REJECT, "line", 0), spoiled(_REJECT, "reason", "")),
)
@dataclass(frozen=True, slots=True)
class Reject:
    """Row of `reject` v1: one input record that breaks its contract. Key: (source, line)."""

    source: str = field(metadata={"min_length": 1, "doc": "file it came from"})
    line: int = field(metadata={"minimum": 1, "doc": "line or row number, from 1"})
    item_id: str | None = field(metadata={"doc": "item, where it could be read"})
    reason: str = field(metadata={"min_length": 1, "doc": "short reason code"})
    detail: str = field(default="", metadata={"doc": "what was wrong, in words"})
    record: str = field(default="", metadata={"doc": "beginning of the record as read, for repair"})
