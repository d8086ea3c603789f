"""Run report: what one run of the offline job did, took and cost (T10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.contract import Example, contract, spoiled

CONFIDENCE_BINS = 20
SERVER_HITS, SERVER_QUERIES = "server_prefix_hits", "server_prefix_queries"
"""Tokens of prompts that the model server found in its prefix cache, and that it looked for, by its own count."""


@dataclass(frozen=True, slots=True)
class CategoryCoverage:
    """How much is known of one category's items."""

    category_id: str = field(metadata={"doc": "category"})
    items: int = field(metadata={"minimum": 0, "doc": "items recognised"})
    pairs: int = field(metadata={"minimum": 0, "doc": "item x key pairs asked"})
    stated: int = field(metadata={"minimum": 0, "doc": "pairs with at least one value"})
    triples: int = field(metadata={"minimum": 0, "doc": "item, key, value triples"})
    name: str = field(default="", metadata={"doc": "the category's name"})


@dataclass(frozen=True, slots=True)
class ProgressPoint:
    """How far a run was at a moment."""

    after_s: float = field(metadata={"minimum": 0, "doc": "seconds since the run's start"})
    items: int = field(metadata={"minimum": 0, "doc": "items recognised until then"})
    pairs: int = field(metadata={"minimum": 0, "doc": "item x key pairs answered until then"})


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What one part of a run cost, in money of any one currency."""

    tier: str = field(metadata={"min_length": 1, "doc": "tier, or tier and who answered"})
    pairs: int = field(metadata={"minimum": 0, "doc": "item x key pairs answered"})
    triples: int = field(metadata={"minimum": 0, "doc": "item, key, value triples"})
    requests: int = field(metadata={"minimum": 0, "doc": "requests to the model"})
    prompt_tokens: int = field(metadata={"minimum": 0, "doc": "prompt tokens, cached ones included"})
    cached_tokens: int = field(metadata={"minimum": 0, "doc": "of these, tokens from the prefix cache"})
    completion_tokens: int = field(metadata={"minimum": 0, "doc": "tokens of replies"})
    seconds: float = field(metadata={"minimum": 0, "doc": "seconds that the machine was held"})
    money: float = field(metadata={"minimum": 0, "doc": "what these cost"})


@dataclass(frozen=True, slots=True)
class TimelineSpan:
    """One chunk of listings at one stage of the flow."""

    chunk: int = field(metadata={"minimum": 0, "doc": "chunk, in the order in which they came"})
    stage: str = field(metadata={"doc": "encode, search or discriminate"})
    came_s: float = field(metadata={"minimum": 0, "doc": "seconds since the first chunk came: it waited"})
    began_s: float = field(metadata={"minimum": 0, "doc": "it was let in"})
    ended_s: float = field(metadata={"minimum": 0, "doc": "it was through"})


_REPORT: dict[str, object] = {
    "run_id": "2026-11-01",
    "day": "2026-11-01",
    "started_ms": 1_790_000_000_000,
    "finished_ms": 1_790_000_060_000,
    "counts": {"listings_read": 100, "triples": 640},
    "seconds": {"recognise": 40.0},
    "tokens": {"requests": 30, "prompt_tokens": 12_000, "cached_tokens": 9_000, "completion_tokens": 300},
    "versions": {"ontology": "v1"},
    "methods": {"rule": 500, "discriminator": 90},
    "rejects": {"wrong_type": 1},
    "confidence": [0] * 19 + [640],
    "coverage": [
        {"category_id": "tea", "items": 99, "pairs": 990, "stated": 610, "triples": 640, "name": "Tea"}
    ],
    "progress": [{"after_s": 40.0, "items": 99, "pairs": 990}],
    "answered": {"ranker": 400, "discriminator": 90, "sibling": 500},
    "ledger": [
        {
            "tier": "offline",
            "pairs": 990,
            "triples": 640,
            "requests": 30,
            "prompt_tokens": 12_000,
            "cached_tokens": 9_000,
            "completion_tokens": 300,
            "seconds": 40.0,
            "money": 0.001,
        }
    ],
    "timeline": [{"chunk": 0, "stage": "encode", "came_s": 0.0, "began_s": 0.1, "ended_s": 0.9}],
}


@contract(
    name="run_report",
    version=1,
    key=("run_id",),
    owner="offline job",
    retention_days=365,
    valid=Example(_REPORT),
    invalid=(
        spoiled(_REPORT, "run_id", ""),
        spoiled(_REPORT, "day", "2026-02-30"),
        spoiled(_REPORT, "counts", {"listings_read": "many"}),
        spoiled(_REPORT, "coverage", [{"category_id": "tea"}]),
    ),
)
@dataclass(frozen=True, slots=True)
class RunReport:
    """Row of `run_report` v1. Key: run_id."""

    run_id: str = field(metadata={"min_length": 1, "doc": "run"})
    day: str = field(metadata={"format": "date", "doc": "day partition"})
    started_ms: int = field(metadata={"minimum": 0, "doc": "start, Unix ms"})
    finished_ms: int = field(metadata={"minimum": 0, "doc": "end, Unix ms"})
    counts: Mapping[str, int] = field(
        metadata={"doc": "what was read, rejected, planned, recognised, merged"}
    )
    seconds: Mapping[str, float] = field(metadata={"doc": "wall or worker seconds by stage"})
    tokens: Mapping[str, int] = field(
        metadata={
            "doc": "requests, prompt_tokens, cached_tokens, completion_tokens, encoded_texts; server_prefix_hits and "
            "server_prefix_queries as the model server counted them while the run recognised"
        }
    )
    versions: Mapping[str, str] = field(metadata={"doc": "ontology, models, prompt, code"})
    methods: Mapping[str, int] = field(
        default_factory=dict, metadata={"doc": "pairs by the method that answered"}
    )
    rejects: Mapping[str, int] = field(default_factory=dict, metadata={"doc": "rejected listings by reason"})
    confidence: tuple[int, ...] = field(
        default=(), metadata={"minimum": 0, "doc": "stated rows by confidence, 20 equal bins of 0 to 1"}
    )
    coverage: tuple[CategoryCoverage, ...] = field(default=(), metadata={"doc": "what is known, by category"})
    progress: tuple[ProgressPoint, ...] = field(default=(), metadata={"doc": "items over time"})
    machine: Mapping[str, str] = field(
        default_factory=dict, metadata={"doc": "where it ran: cpu, cores, memory"}
    )
    notes: tuple[str, ...] = field(default=(), metadata={"doc": "what a reader should know, in sentences"})
    answered: Mapping[str, int] = field(
        default_factory=dict,
        metadata={
            "doc": "pairs by who answered: unchanged, moved, sibling, neighbour, relevance, else the method"
        },
    )
    ledger: tuple[LedgerEntry, ...] = field(
        default=(), metadata={"doc": "what it cost by who answered, all of it last"}
    )
    timeline: tuple[TimelineSpan, ...] = field(
        default=(), metadata={"doc": "the first chunks of the flow, where chunks overlapped"}
    )
