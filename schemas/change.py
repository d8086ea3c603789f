"""item-knowledge.changes: what really changed, in commit order (paper section 6; T8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.contract import Example, contract, spoiled
from schemas.knowledge import KnowledgeRow, contract_of_row_example

_CHANGE: dict[str, object] = {
    "item_id": "sku-1",
    "attr_id": "form",
    "commit": "20261101000000000",
    "sequence": 1,
    "before": None,
    "after": contract_of_row_example(),
}


@contract(
    name="item-knowledge.changes",
    version=1,
    key=("item_id",),
    ordering="sequence",
    owner="merge",
    retention_days=30,
    valid=Example(_CHANGE),
    invalid=(
        spoiled(_CHANGE, "item_id", ""),
        spoiled(_CHANGE, "after", None),
        spoiled(_CHANGE, "before", contract_of_row_example() | {"status": "perhaps"}),
    ),
)
@dataclass(frozen=True, slots=True)
class Change:
    """Message of `item-knowledge.changes` v1: one row before and after one commit. Key: item_id."""

    item_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "SKU id"})
    attr_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "attribute"})
    commit: str = field(metadata={"min_length": 1, "doc": "commit of item_knowledge that made the change"})
    sequence: int = field(metadata={"minimum": 0, "doc": "grows by one per change"})
    before: KnowledgeRow | None = field(metadata={"doc": "row before the commit; null: there was none"})
    after: KnowledgeRow = field(metadata={"doc": "row after the commit"})
