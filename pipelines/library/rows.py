"""From answers to rows of item_knowledge."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.library.answers import Answer, ItemAnswers
from schemas.knowledge import NOT_STATED, STATED, KnowledgeRow, Provenance
from schemas.listing import Listing
from udfs.version import version_of, with_digest

CATEGORY_ATTR = "_category"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all rows of one run share."""

    tier: str
    generation: int
    model: str
    ontology_version: str
    run_id: str


def knowledge_rows(
    listing: Listing, event_ms: int, found: ItemAnswers, fingerprint: str, stamp: Stamp
) -> list[KnowledgeRow]:
    """One row per answered key, and one for the category where it was predicted.

    A category without keys has that row, too: without any, the rows of the item's former category would live on.
    """
    answers = list(found.answers)
    is_predicted = listing.category_id != found.category_id
    if is_predicted or not answers:
        answers.append(
            Answer(
                CATEGORY_ATTR,
                (found.category_id,),
                (found.category_id,),
                (),
                found.category_confidence if is_predicted else 1.0,
                "ranker" if is_predicted else "rule",
            )
        )
    return [_row(listing, event_ms, found.category_id, answer, fingerprint, stamp) for answer in answers]


def _row(
    listing: Listing, event_ms: int, category_id: str, answer: Answer, fingerprint: str, stamp: Stamp
) -> KnowledgeRow:
    provenance = Provenance(
        tier=stamp.tier,
        method=answer.method,
        model=f"{stamp.model}; from {answer.source}" if answer.source else stamp.model,
        ontology_version=stamp.ontology_version,
        prompt_version=answer.prompt_version,
        run_id=stamp.run_id,
    )
    return with_digest(
        KnowledgeRow(
            item_id=listing.item_id,
            attr_id=answer.key_id,
            category_id=category_id,
            spu_id=listing.spu_id,
            value_ids=answer.value_ids,
            value_texts=answer.values,
            status=STATED if answer.values else NOT_STATED,
            evidence=answer.evidence,
            confidence=round(answer.confidence, 4),
            provenance=provenance,
            fingerprint=fingerprint,
            event_ms=event_ms,
            version=version_of(event_ms, stamp.generation, stamp.tier),
            digest="",
        )
    )
