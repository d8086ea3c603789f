"""item-knowledge.results: what the tiers computed, on its way to the merge (paper section 6; T1-T3, T7)."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.contract import ABSENT, Example, contract, spoiled
from schemas.knowledge import TIERS, KnowledgeRow, contract_of_row_example

MAX_FILES = 10_000
_RESULTS: dict[str, object] = {
    "item_id": "sku-1",
    "category_id": "tea",
    "event_ms": 1_790_000_000_000,
    "tier": "nearline",
    "run_id": "nearline-20261101",
    "rows": [contract_of_row_example()],
    "files": [],
}


@contract(
    name="item-knowledge.results",
    version=1,
    key=("item_id",),
    ordering="event_ms",
    owner="tiers",
    retention_days=7,
    dead_letter="item-knowledge.results.dead",
    valid=Example(_RESULTS),
    invalid=(
        spoiled(_RESULTS, "item_id", ABSENT),
        spoiled(_RESULTS, "event_ms", -1),
        spoiled(_RESULTS, "tier", "weekly"),
        spoiled(_RESULTS, "run_id", ""),
        spoiled(_RESULTS, "rows", [contract_of_row_example() | {"status": "perhaps"}]),
        spoiled(_RESULTS, "files", [7]),
    ),
)
@dataclass(frozen=True, slots=True)
class KnowledgeResults:
    """Message of `item-knowledge.results` v1: all rows of one item state, or a run's finished Parquet files. Key: item_id.

    A message with rows is keyed by its item id. A message of files has no rows and an empty item id, and is keyed by its
    run id; its files hold rows of `item_knowledge`. `fault_of` says what is wrong with a message of neither kind.
    """

    item_id: str = field(metadata={"max_length": 200, "doc": "SKU id of all rows; empty for files"})
    category_id: str = field(
        metadata={"doc": "category that the item is in; empty for files, and for a delete without one"}
    )
    event_ms: int = field(
        metadata={"minimum": 0, "doc": "time of the newest input, Unix ms, UTC; the greatest of all rows"}
    )
    tier: str = field(metadata={"enum": TIERS, "doc": "tier that computed the rows"})
    run_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "run or job that computed them"})
    rows: tuple[KnowledgeRow, ...] = field(
        metadata={"doc": "rows to merge, all of item_id; those of one state belong together"}
    )
    files: tuple[str, ...] = field(
        default=(),
        metadata={
            "max_items": MAX_FILES,
            "item_max_length": 4_000,
            "doc": "finished Parquet files of knowledge rows, as the merge job can open them",
        },
    )


def key_of(results: KnowledgeResults) -> str:
    """The Kafka key of a message: its item, or its run where it names files."""
    return results.item_id or results.run_id


def fault_of(results: KnowledgeResults) -> str | None:
    """What is wrong with a message whose fields are each in order; None for a sound one."""
    if results.files:
        return "files and rows in one message" if results.rows or results.item_id else None
    if not results.item_id:
        return "neither an item nor files"
    if not results.rows:
        return "no rows"
    others = {row.item_id for row in results.rows} - {results.item_id}
    return f"rows of another item: {sorted(others)[0]}" if others else None
