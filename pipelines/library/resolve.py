"""From probabilities to answers: which values are stated, with what evidence and confidence (B1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.library.answers import Answer
from pipelines.library.candidates import Candidate
from pipelines.library.keys import KeyView
from pipelines.library.pairs import Floats
from schemas.knowledge import Evidence
from udfs.document import Document
from udfs.text import fold

MAX_EVIDENCE = 3


def resolve(
    document: Document,
    view: KeyView,
    offered: Sequence[Candidate],
    probabilities: Floats,
    threshold: float,
    method: str,
    prompt_version: str = "",
) -> Answer:
    """The answer of one pair: every candidate over the threshold, or the best one where the key has but one value.

    Confidence is the least probability of the stated values; of "not stated", that no candidate is true.
    """
    order = np.argsort(-probabilities, kind="stable")
    stated = [int(place) for place in order if probabilities[place] >= threshold]
    if view.key.multi_valued is False:
        stated = stated[:1]
    if not stated:
        best = float(probabilities.max()) if len(probabilities) else 0.0
        return Answer(view.key.key_id, (), (), (), 1.0 - best, method, prompt_version)
    chosen = _once([offered[place] for place in stated])
    return Answer(
        key_id=view.key.key_id,
        values=tuple(candidate.value for candidate in chosen),
        value_ids=tuple(_value_id(view, candidate) for candidate in chosen),
        evidence=tuple(found for candidate in chosen for found in evidence_of(document, candidate)),
        confidence=float(min(probabilities[place] for place in stated)),
        method=_method(chosen, method),
        prompt_version=prompt_version,
    )


def evidence_of(document: Document, candidate: Candidate) -> list[Evidence]:
    """The words of the listing that a candidate was found in; none for a value that is only implied."""
    located = [document.locate(start, end) for start, end in candidate.spans[:MAX_EVIDENCE]]
    return [Evidence(candidate.value, source, start, end, words) for source, start, end, words in located]


def _once(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Candidates without those that scoring takes for one another."""
    return list({fold(candidate.value): candidate for candidate in reversed(candidates)}.values())[::-1]


def _value_id(view: KeyView, candidate: Candidate) -> str:
    return view.values[candidate.position].value_id if candidate.position >= 0 else ""


def _method(chosen: Sequence[Candidate], method: str) -> str:
    """Name it extraction where the ranker chose only values that were computed from the text."""
    computed = all(candidate.position < 0 and "extracted" in candidate.sources for candidate in chosen)
    return "extraction" if method == "ranker" and computed else method
