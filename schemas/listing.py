"""A merchant's listing as it enters: one JSON line, Parquet row or item event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.contract import ABSENT, Example, contract, spoiled

MAX_ID = 200
MAX_TITLE = 4_000
MAX_DESCRIPTION = 100_000
MAX_ATTRIBUTES = 500
MAX_ATTRIBUTE_TEXT = 20_000
MAX_SHORT_TEXT = 500
MAX_IMAGES = 200
MAX_URL = 4_000
LISTING_EXAMPLE: dict[str, object] = {
    "item_id": "sku-1",
    "spu_id": "spu-1",
    "category_id": "tea",
    "title": "Loose leaf green tea 250 g",
    "description": "<p>First flush, loose leaf.</p>",
    "attributes": {"Net Wt": "8.8 oz"},
    "image_urls": ["https://img.example/sku-1.jpg"],
    "price": 12.5,
    "brand": "Hillside",
    "locale": "en",
    "event_time": "2026-11-01T08:00:00Z",
    "is_deleted": False,
    "priority": "star",
}


@contract(
    name="listing",
    version=1,
    key=("item_id",),
    ordering="event_time",
    owner="intake",
    retention_days=None,
    dead_letter="rejects",
    valid=Example(LISTING_EXAMPLE),
    invalid=(
        spoiled(LISTING_EXAMPLE, "item_id", ABSENT),
        spoiled(LISTING_EXAMPLE, "item_id", ""),
        spoiled(LISTING_EXAMPLE, "title", 7),
        spoiled(LISTING_EXAMPLE, "title", "green\x00tea"),
        spoiled(LISTING_EXAMPLE, "attributes", {"pack": 6}),
        spoiled(LISTING_EXAMPLE, "event_time", "2026-13-40T00:00:00Z"),
    ),
)
@dataclass(frozen=True, slots=True)
class Listing:
    """Row of `listing` v1 (the interchange form). Key: item_id. The newest event_time wins."""

    item_id: str = field(
        metadata={"min_length": 1, "max_length": MAX_ID, "doc": "merchant's or platform's SKU id"}
    )
    title: str = field(metadata={"max_length": MAX_TITLE, "doc": "title as the merchant wrote it"})
    description: str = field(
        default="", metadata={"max_length": MAX_DESCRIPTION, "doc": "description, may hold HTML"}
    )
    spu_id: str | None = field(
        default=None, metadata={"max_length": MAX_ID, "doc": "product family; null: its own"}
    )
    category_id: str | None = field(
        default=None,
        metadata={"max_length": MAX_ID, "doc": "category of the ontology; null: to be predicted"},
    )
    attributes: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            "max_items": MAX_ATTRIBUTES,
            "name_max_length": MAX_SHORT_TEXT,
            "item_max_length": MAX_ATTRIBUTE_TEXT,
            "doc": "merchant's own, name -> text",
        },
    )
    image_urls: tuple[str, ...] = field(
        default=(),
        metadata={
            "max_items": MAX_IMAGES,
            "item_max_length": MAX_URL,
            "doc": "addresses of the listing's images: https, file below a stated folder, or data",
        },
    )
    price: float | None = field(default=None, metadata={"doc": "price in the listing's currency"})
    brand: str | None = field(
        default=None, metadata={"max_length": MAX_SHORT_TEXT, "doc": "brand as the merchant states it"}
    )
    locale: str | None = field(
        default=None, metadata={"max_length": 35, "doc": "language tag, e.g. en or zh"}
    )
    event_time: str | None = field(
        default=None, metadata={"format": "date-time", "doc": "ISO 8601 time of this state of the item"}
    )
    is_deleted: bool = field(default=False, metadata={"doc": "the item was taken down"})
    priority: str | None = field(
        default=None, metadata={"max_length": 50, "doc": "importance class for the real-time tier"}
    )
