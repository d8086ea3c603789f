"""items: the newest state of each listing as a table, for readers that show an item's own text (T8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.contract import Example, contract, spoiled
from schemas.listing import LISTING_EXAMPLE, Listing

_ITEM: dict[str, object] = LISTING_EXAMPLE | {"event_ms": 1_790_000_000_000, "digest": "0" * 32}


@contract(
    name="items",
    version=1,
    key=("item_id",),
    ordering="event_ms",
    owner="merge",
    retention_days=None,
    valid=Example(_ITEM),
    invalid=(spoiled(_ITEM, "item_id", ""), spoiled(_ITEM, "event_ms", -1)),
)
@dataclass(frozen=True, slots=True)
class Item(Listing):
    """Row of `items` v1: a listing as it entered. Key: item_id. The greatest (event_ms, digest) wins."""

    event_ms: int = field(default=0, metadata={"minimum": 0, "doc": "time of this state, Unix ms, UTC"})
    digest: str = field(
        default="", metadata={"doc": "digest of the state's content; breaks ties of event_ms"}
    )
