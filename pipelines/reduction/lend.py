"""Answers taken over from another text: with evidence in the words of the text that they are now said of, or not at all.

What was taken over, and from where, stays with the answer (`Answer.source`) and reaches the row's provenance.
"""

from __future__ import annotations

import re
from dataclasses import replace

from pipelines.library.answers import Answer
from schemas.knowledge import Evidence
from schemas.listing import Listing
from udfs.document import field_text

SENTENCE = re.compile(r"(?<=[。！？；])|(?<=[.!?;])\s+|\n+|\s+\|\s+")
"""Where a sentence ends, or an entry of a table in one line ("Weight: 240 g | Size: 42")."""
NEIGHBOUR = "neighbour"
"""The method of a row that another item lent, sibling or not (`schemas.knowledge.METHODS`)."""
SIBLING, SIMILAR, IRRELEVANT, EARLIER = "sibling", "neighbour", "relevance", "earlier text"


def lent(answer: Answer, to: Listing, kind: str, item_id: str, chance: float = 1.0) -> Answer | None:
    """The answer as another listing's; None where a value that words supported has none of them standing in that listing.

    `kind` and `item_id` say from where it came. `chance`: that it still holds, by which confidence falls.
    """
    evidence = [found for one in answer.evidence if (found := standing(one, to)) is not None]
    if {one.value for one in evidence} != {one.value for one in answer.evidence}:
        return None
    return replace(
        answer,
        method=NEIGHBOUR,
        evidence=tuple(evidence),
        confidence=answer.confidence * chance,
        chances=tuple(one * chance for one in answer.chances),
        source=f"{kind} {item_id}",
    )


def is_own(answer: Answer) -> bool:
    """Whether an answer was made of its item's own words, by whichever model, and not taken over from another item or text."""
    return not any(kind in answer.source for kind in (f"{SIBLING} ", f"{SIMILAR} ", f"aligned {EARLIER}"))


def irrelevant(key_id: str, version: str, chance: float) -> Answer:
    """The answer of a key that does not matter for an item, by the relevance model of that version. Source: task A."""
    return Answer(key_id, (), (), (), chance, "none", source=f"{IRRELEVANT} {version}")


def standing(evidence: Evidence, listing: Listing) -> Evidence | None:
    """The evidence where its words stand in a listing; None where they do not stand in its field exactly once.

    Words at the same place as before may stand elsewhere as well: they are the same words of the same field.
    """
    raw = field_text(evidence.source_field, listing)
    if raw is None or not evidence.words:
        return None
    if raw[evidence.start : evidence.end] == evidence.words:
        return evidence
    if raw.count(evidence.words) != 1:
        return None
    start = raw.index(evidence.words)
    return replace(evidence, start=start, end=start + len(evidence.words))


def said_alike(answer: Answer, here: Listing, there: Listing) -> bool:
    """Whether two listings say an answer's values in the same way, whatever else differs.

    Each value stands in a sentence that both have, and wherever else `there` says it `here` says it as often, but for spaces.
    So a number is not taken over from a description that was left as it was when the title names another.
    """
    alike = set()
    for one in answer.evidence:
        raw, other = field_text(one.source_field, there), field_text(one.source_field, here)
        if raw is None or other is None or not _says_as_often(one.words, other, raw):
            return False
        if sentence_around(raw, one.start, one.end) in _sentences(other):
            alike.add(one.value)
    return bool(answer.values) and alike >= set(answer.values)


def _says_as_often(words: str, here: str, there: str) -> bool:
    letters = r"\s*".join(map(re.escape, "".join(words.split())))
    whole = re.compile(rf"(?<![A-Za-z0-9.]){letters}(?![A-Za-z0-9]|\.\d)", re.I)
    said = len(whole.findall(there))
    return bool(letters) and len(whole.findall(here)) >= max(1, said)


def sentence_around(raw: str, start: int, end: int) -> str:
    """The sentence, or the sentences, that a span of a text lies in."""
    cuts = list(SENTENCE.finditer(raw))
    first = max((cut.end() for cut in cuts if cut.end() <= start), default=0)
    last = min((cut.start() for cut in cuts if cut.start() >= end), default=len(raw))
    return raw[first:last].strip()


def _sentences(raw: str) -> set[str]:
    return {text.strip() for text in SENTENCE.split(raw)}
