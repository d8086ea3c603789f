"""A merchant's listing as it enters: one JSON line, Parquet row or item event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.contract import Example, Invalid, contract

MAX_ID = 200
MAX_TITLE = 4_000
MAX_DESCRIPTION = 100_000
MAX_ATTRIBUTES = 500


@contract(
    name="listing",
    version=1,
    key=("item_id",),
    ordering="event_time",
    owner="intake",
    retention_days=None,
    dead_letter="rejects",
    valid=Example({"item_id": "sku-1", "spu_id": "spu-1", "category_id": "tea", "title": "Green tea 250 g"}),
    invalid=(
        Invalid({"item_id": "", "title": "no id"}, "item_id"),
        Invalid({"item_id": "sku-1", "title": 7}, "title"),
        Invalid({"item_id": "sku-1", "title": "x", "event_time": "2026-13-40T00:00:00Z"}, "event_time"),
    ),
)
@dataclass(frozen=True, slots=True)
class Listing:
    """Row of `listing` v1 (the interchange form). Key: item_id. The newest event_time wins."""

    item_id: str = field(metadata={"min_length": 1, "max_length": MAX_ID, "doc": "merchant's or platform's SKU id"})
    title: str = field(metadata={"max_length": MAX_TITLE, "doc": "title as the merchant wrote it"})
    description: str = field(default="", metadata={"max_length": MAX_DESCRIPTION, "doc": "description, may hold HTML"})
    spu_id: str | None = field(default=None, metadata={"max_length": MAX_ID, "doc": "product family; null: its own"})
    category_id: str | None = field(
        default=None, metadata={"max_length": MAX_ID, "doc": "category of the ontology; null: to be predicted"}
    )
    attributes: Mapping[str, str] = field(
        default_factory=dict, metadata={"max_items": MAX_ATTRIBUTES, "doc": "merchant's own, name -> text"}
    )
    image_urls: tuple[str, ...] = field(default=(), metadata={"doc": "addresses of the listing's images"})
    price: float | None = field(default=None, metadata={"doc": "price in the listing's currency"})
    brand: str | None = field(default=None, metadata={"doc": "brand as the merchant states it"})
    locale: str | None = field(default=None, metadata={"doc": "language tag, e.g. en or zh"})
    event_time: str | None = field(
        default=None, metadata={"format": "date-time", "doc": "ISO 8601 time of this state of the item"}
    )
    is_deleted: bool = field(default=False, metadata={"doc": "the item was taken down"})
    priority: str | None = field(default=None, metadata={"doc": "importance class for the real-time tier"})
