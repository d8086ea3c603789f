"""Gold labels of an evaluation set (interchange form; L8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.contract import ABSENT, Example, contract, spoiled

_GOLD: dict[str, object] = {"item_id": "sku-1", "key_id": "form", "values": ["loose leaf"]}


@contract(
    name="gold",
    version=1,
    key=("item_id", "key_id"),
    owner="evaluation",
    valid=Example(_GOLD),
    invalid=(
        spoiled(_GOLD, "values", "loose leaf"),
        spoiled(_GOLD, "values", ABSENT),
        spoiled(_GOLD, "key_id", ""),
    ),
)
@dataclass(frozen=True, slots=True)
class GoldPair:
    """Row of `gold` v1: what is true of one key of one item. Key: (item_id, key_id)."""

    item_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "item"})
    key_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "attribute key"})
    values: tuple[str, ...] = field(
        metadata={
            "item_max_length": 2_000,
            "doc": "every true value, normalised; empty: the item does not state it",
        }
    )
