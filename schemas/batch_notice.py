"""item-batches: a day's listings are complete and may be computed (paper section 6; T1)."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.contract import ABSENT, Example, contract, spoiled

_NOTICE: dict[str, object] = {
    "day": "2026-11-01",
    "listings": "/data/listings/2026-11-01",
    "ontology": "demo",
}


@contract(
    name="item-batches",
    version=1,
    key=("day",),
    owner="catalog",
    retention_days=30,
    valid=Example(_NOTICE),
    invalid=(
        spoiled(_NOTICE, "day", ABSENT),
        spoiled(_NOTICE, "day", "today, please"),
        spoiled(_NOTICE, "listings", 7),
        spoiled(_NOTICE, "ontology", ""),
    ),
)
@dataclass(frozen=True, slots=True)
class BatchNotice:
    """Message of `item-batches` v1: the listings of a day are there; Airflow computes them. Key: day.

    A notice that comes twice starts one run the more, which finds everything computed.
    """

    day: str = field(metadata={"format": "date", "doc": "day of the listings"})
    listings: str = field(
        default="",
        metadata={"max_length": 4_000, "doc": "file or folder; empty: <warehouse>/incoming/<day>"},
    )
    ontology: str = field(
        default="demo",
        metadata={"min_length": 1, "max_length": 200, "doc": "name of a released ontology"},
    )
