"""item-events: a listing's new state, or its end, as a message (paper section 6; T2, T3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from schemas.contract import ABSENT, Example, contract, spoiled
from schemas.listing import LISTING_EXAMPLE, Listing

STAR = "star"
"""The importance class that the real-time tier takes by default."""
_EVENT: dict[str, object] = LISTING_EXAMPLE | {"source": "catalog"}
_LISTING = {found.name: found for found in fields(Listing)}


def _as_in_listing(name: str, **default: Any) -> Any:
    """A field with the meaning and the limits that it has in a listing."""
    return field(metadata=_LISTING[name].metadata, **default)


@contract(
    name="item-events",
    version=1,
    key=("item_id",),
    ordering="event_time",
    owner="catalog",
    retention_days=7,
    dead_letter="item-events.dead",
    valid=Example(_EVENT),
    invalid=(
        spoiled(_EVENT, "item_id", ""),
        spoiled(_EVENT, "event_time", ABSENT),
        spoiled(_EVENT, "event_time", "yesterday"),
        spoiled(_EVENT, "title", 7),
        spoiled(_EVENT, "attributes", {"pack": 6}),
        spoiled(_EVENT, "source", "catalog\x00"),
    ),
)
@dataclass(frozen=True, slots=True)
class ItemEvent:
    """Message of `item-events` v1: the whole state of a listing at event_time, or its end (`is_deleted`). Key: item_id.

    The newest event_time wins; states of one item need strictly growing times. A listing that goes on needs a title,
    one that ends needs none. All fields but `source` are the listing's.
    """

    item_id: str = _as_in_listing("item_id")
    event_time: str = _as_in_listing("event_time")
    title: str = _as_in_listing("title", default="")
    description: str = _as_in_listing("description", default="")
    spu_id: str | None = _as_in_listing("spu_id", default=None)
    category_id: str | None = _as_in_listing("category_id", default=None)
    attributes: Mapping[str, str] = _as_in_listing("attributes", default_factory=dict)
    image_urls: tuple[str, ...] = _as_in_listing("image_urls", default=())
    price: float | None = _as_in_listing("price", default=None)
    brand: str | None = _as_in_listing("brand", default=None)
    locale: str | None = _as_in_listing("locale", default=None)
    is_deleted: bool = _as_in_listing("is_deleted", default=False)
    priority: str | None = _as_in_listing("priority", default=None)
    source: str = field(
        default="",
        metadata={"max_length": 200, "doc": "system that sent the event"},
    )


def listing_of(event: ItemEvent) -> Listing:
    """The listing that an event carries, without what only a stream needs."""
    return Listing(**{name: getattr(event, name) for name in _LISTING})
