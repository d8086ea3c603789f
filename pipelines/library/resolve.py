"""From probabilities to answers: which values are stated, with what evidence and confidence (B1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.library.answers import Answer
from pipelines.library.calibration import RANKER, OperatingPoint
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
    point: OperatingPoint,
    method: str,
    prompt_version: str = "",
    route: str = RANKER,
) -> Answer:
    """The answer of one pair: every candidate over the threshold, or the best one where the key has but one value.

    `probabilities` are raw, as the stages of `route` (see `calibration`) gave them: here they become what they are worth.
    Confidence is the least chance of the stated values; of "not stated", the chance that the item states nothing.
    """
    kind = view.key.value_kind
    fair = point.fair(probabilities, kind, route)
    order = np.argsort(-probabilities, kind="stable")  # fair ones may tie where raw ones do not
    stated = [int(place) for place in order if fair[place] >= point.threshold]
    if view.key.multi_valued is False:
        stated = stated[:1]
    if not stated:
        sure = point.nothing(probabilities, kind, route)
        return Answer(view.key.key_id, (), (), (), sure, method, prompt_version)
    stated = _once(offered, stated)
    chosen = [offered[place] for place in stated]
    chances = tuple(float(fair[place]) for place in stated)
    return Answer(
        key_id=view.key.key_id,
        values=tuple(candidate.value for candidate in chosen),
        value_ids=tuple(value_id(view, candidate) for candidate in chosen),
        evidence=tuple(found for candidate in chosen for found in evidence_of(document, candidate)),
        confidence=min(chances),
        method=_method(chosen, method),
        prompt_version=prompt_version,
        chances=chances,
    )


def evidence_of(document: Document, candidate: Candidate) -> list[Evidence]:
    """The words of the listing that a candidate was found in; none for a value that is only implied."""
    located = [document.locate(start, end) for start, end in candidate.spans[:MAX_EVIDENCE]]
    return [Evidence(candidate.value, source, start, end, words) for source, start, end, words in located]


def _once(offered: Sequence[Candidate], places: Sequence[int]) -> list[int]:
    """Places of candidates without those that scoring takes for an earlier one."""
    first: dict[str, int] = {}
    for place in places:
        first.setdefault(fold(offered[place].value), place)
    return list(first.values())


def value_id(view: KeyView, candidate: Candidate) -> str:
    """The id of a candidate's value, "" where the ontology lacks it."""
    return view.values[candidate.position].value_id if candidate.position >= 0 else ""


def _method(chosen: Sequence[Candidate], method: str) -> str:
    """Name it extraction where the ranker chose only values that were computed from the text."""
    computed = all(candidate.position < 0 and "extracted" in candidate.sources for candidate in chosen)
    return "extraction" if method == "ranker" and computed else method
