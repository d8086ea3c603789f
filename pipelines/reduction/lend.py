"""Answers taken over from another text: with evidence in the words of the text that they are now said of, or not at all.

What was taken over, and from where, stays with the answer (`Answer.source`) and reaches the row's provenance.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.library.answers import Answer
from schemas.knowledge import Evidence
from schemas.listing import Listing
from udfs.document import ATTRIBUTES

NEIGHBOUR = "neighbour"
"""The method of a row that another item lent, sibling or not (`schemas.knowledge.METHODS`)."""
SIBLING, SIMILAR, IRRELEVANT, EARLIER = "sibling", "neighbour", "relevance", "earlier text"


def lent(answer: Answer, to: Listing, kind: str, item_id: str, chance: float = 1.0) -> Answer | None:
    """The answer as another listing's; None where its evidence does not stand in that listing.

    `kind` and `item_id` say from where it came. `chance`: that it still holds, by which confidence falls.
    """
    evidence = [standing(one, to) for one in answer.evidence]
    if None in evidence:
        return None
    return replace(
        answer,
        method=NEIGHBOUR,
        evidence=tuple(one for one in evidence if one),
        confidence=answer.confidence * chance,
        chances=tuple(one * chance for one in answer.chances),
        source=f"{kind} {item_id}",
    )


def irrelevant(key_id: str, version: str, chance: float) -> Answer:
    """The answer of a key that does not matter for an item, by the relevance model of that version. Source: task A."""
    return Answer(key_id, (), (), (), chance, "none", source=f"{IRRELEVANT} {version}")


def standing(evidence: Evidence, listing: Listing) -> Evidence | None:
    """The evidence where its words stand in a listing; None where they do not stand in its field exactly once.

    Words at the same place as before may stand elsewhere as well: they are the same words of the same field.
    """
    raw = _field(evidence.source_field, listing)
    if raw is None or not evidence.words:
        return None
    if raw[evidence.start : evidence.end] == evidence.words:
        return evidence
    if raw.count(evidence.words) != 1:
        return None
    start = raw.index(evidence.words)
    return replace(evidence, start=start, end=start + len(evidence.words))


def _field(name: str, listing: Listing) -> str | None:
    if name.startswith(ATTRIBUTES):
        return listing.attributes.get(name.removeprefix(ATTRIBUTES))
    return {"title": listing.title, "description": listing.description, "brand": listing.brand}.get(name)
