"""Run report: what one run of the offline job did, took and cost (T10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.contract import Example, Invalid, contract


@contract(
    name="run_report",
    version=1,
    key=("run_id",),
    owner="offline job",
    retention_days=365,
    valid=Example(
        {
            "run_id": "2026-11-01",
            "day": "2026-11-01",
            "started_ms": 1_790_000_000_000,
            "finished_ms": 1_790_000_060_000,
            "counts": {"listings_read": 100},
            "seconds": {"recognise": 40.0},
            "tokens": {"prompt": 12_000},
            "versions": {"ontology": "v1"},
        }
    ),
    invalid=(Invalid({"run_id": "", "day": "2026-11-01"}, "run_id"),),
)
@dataclass(frozen=True, slots=True)
class RunReport:
    """Row of `run_report` v1. Key: run_id."""

    run_id: str = field(metadata={"min_length": 1, "doc": "run"})
    day: str = field(metadata={"doc": "day partition, YYYY-MM-DD"})
    started_ms: int = field(metadata={"minimum": 0, "doc": "start, Unix ms"})
    finished_ms: int = field(metadata={"minimum": 0, "doc": "end, Unix ms"})
    counts: Mapping[str, int] = field(metadata={"doc": "what was read, rejected, planned, recognised, merged"})
    seconds: Mapping[str, float] = field(metadata={"doc": "wall or worker seconds by stage"})
    tokens: Mapping[str, int] = field(metadata={"doc": "prompt, cached and completion tokens, requests"})
    versions: Mapping[str, str] = field(metadata={"doc": "ontology, models, prompt"})
