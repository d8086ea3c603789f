"""item_knowledge: what is known of an item, one row per attribute (paper sections 4 and 6; B1, T4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.contract import ABSENT, Example, contract, contract_of, spoiled

STATED = "stated"
NOT_STATED = "not_stated"
KNOWLEDGE_STATUSES = (STATED, NOT_STATED)
TIERS = ("offline", "nearline", "realtime", "expert")
METHODS = ("rule", "ranker", "discriminator", "extraction", "neighbour", "expert", "none")


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words of the listing that support one value. Offsets count code points of the raw field."""

    value: str = field(metadata={"doc": "the value that these words support"})
    source_field: str = field(
        metadata={
            "doc": "title, description, brand, attributes.<name>, or images.<n>: the words in image n of image_urls; "
            "images.<n> without words, or images: what the images show"
        }
    )
    start: int = field(metadata={"minimum": 0, "doc": "first code point in the raw field"})
    end: int = field(metadata={"minimum": 0, "doc": "one past the last code point"})
    words: str = field(metadata={"doc": "the raw text between them"})


@dataclass(frozen=True, slots=True)
class Provenance:
    """What computed a row."""

    tier: str = field(metadata={"enum": TIERS, "doc": "tier that computed the row"})
    method: str = field(metadata={"enum": METHODS, "doc": "stage of the cascade that answered"})
    model: str = field(metadata={"doc": "model id and version"})
    ontology_version: str = field(metadata={"doc": "ontology version"})
    prompt_version: str = field(metadata={"doc": "prompt version, empty where no prompt was sent"})
    run_id: str = field(metadata={"doc": "run that computed the row"})


_PROVENANCE: dict[str, object] = {
    "tier": "offline",
    "method": "ranker",
    "model": "ranker-1",
    "ontology_version": "v1",
    "prompt_version": "",
    "run_id": "2026-11-01",
}


_ROW: dict[str, object] = {
    "item_id": "sku-1",
    "attr_id": "form",
    "category_id": "tea",
    "spu_id": "spu-1",
    "value_ids": ["tea.form.1"],
    "value_texts": ["loose leaf"],
    "status": STATED,
    "evidence": [
        {"value": "loose leaf", "source_field": "title", "start": 0, "end": 10, "words": "Loose leaf"}
    ],
    "confidence": 0.97,
    "provenance": _PROVENANCE,
    "fingerprint": "0" * 32,
    "event_ms": 1_790_000_000_000,
    "version": 1_790_000_000_000 << 21,
    "digest": "0" * 32,
    "is_deleted": False,
}


@contract(
    name="item_knowledge",
    version=1,
    key=("item_id", "attr_id"),
    ordering="version",
    owner="merge",
    retention_days=None,
    valid=Example(_ROW),
    invalid=(
        spoiled(_ROW, "attr_id", ""),
        spoiled(_ROW, "status", "perhaps"),
        spoiled(_ROW, "confidence", 1.2),
        spoiled(_ROW, "provenance", _PROVENANCE | {"tier": "weekly"}),
        spoiled(_ROW, "version", ABSENT),
    ),
)
@dataclass(frozen=True, slots=True)
class KnowledgeRow:
    """Row of `item_knowledge` v1. Key: (item_id, attr_id). The greatest (version, digest) wins.

    A multi-valued attribute is one row, so that it is replaced whole. "Not stated" is a row, and so is a
    delete (`is_deleted`).
    """

    item_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "SKU id"})
    attr_id: str = field(
        metadata={"min_length": 1, "max_length": 200, "doc": "key_id, or category, or scenario"}
    )
    category_id: str = field(metadata={"doc": "category the row was computed in"})
    spu_id: str | None = field(metadata={"doc": "product family"})
    value_ids: tuple[str, ...] = field(metadata={"doc": "ontology ids, empty string for a value outside it"})
    value_texts: tuple[str, ...] = field(metadata={"doc": "normalised values, same order as value_ids"})
    status: str = field(metadata={"enum": KNOWLEDGE_STATUSES, "doc": "stated or not_stated"})
    evidence: tuple[Evidence, ...] = field(metadata={"doc": "words of the listing that support the values"})
    confidence: float = field(
        metadata={"minimum": 0, "maximum": 1, "doc": "calibrated probability of the row"}
    )
    provenance: Provenance = field(metadata={"doc": "what computed the row"})
    fingerprint: str = field(
        metadata={"doc": "digest of the inputs: item text, ontology slice, model, prompt"}
    )
    event_ms: int = field(metadata={"minimum": 0, "doc": "time of the newest input, Unix ms, UTC"})
    version: int = field(metadata={"minimum": 0, "doc": "event_ms << 21 | generation: the merge order"})
    digest: str = field(metadata={"doc": "digest of the row's content; breaks ties of version"})
    is_deleted: bool = field(default=False, metadata={"doc": "tombstone"})


def contract_of_row_example() -> dict[str, object]:
    """The valid example of a knowledge row, for contracts that contain one."""
    return dict(contract_of(KnowledgeRow).valid.value)
