"""Items of a call whose text is the same, letter for letter: one is computed, its answers are the others' too (L3, B2).

Many listings of a catalog are copies. Equal texts in equal categories are equal inputs, so this is no guess as a neighbour's
answers are: identifiers and measures are the same, too. Source: paper section 4.3.1 (1) takes a similarity over a threshold; this is
the part of it that cannot be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipelines.library.answers import Answer, ItemAnswers
from pipelines.reduction.lend import NEIGHBOUR, is_own
from pipelines.tunnel.events import text_digest
from schemas.listing import Listing

TWIN = "twin"


def twins(listings: Sequence[Listing], left: Mapping[int, int]) -> dict[int, int]:
    """By place of an item that need not be computed, the place of the one that answers for it.

    `left`: who is to be computed, and how many of its keys are known. Who is known whole answers for those with its text; else the
    one that knows most does, the first of several.
    """
    known_first = sorted(range(len(listings)), key=lambda place: (place in left, -left.get(place, 0), place))
    first: dict[str, int] = {}
    found = {}
    for place in known_first:
        same = text_digest(replace(listings[place], item_id="", spu_id=None))
        other = first.setdefault(same, place)
        if other != place and place in left:
            found[place] = other
    return found


def as_twin(answers: ItemAnswers, of: Listing) -> dict[int, Answer]:
    """The answers of a whole item as those of another with the same text, by key place; who was lent one is still told."""
    return {
        place: replace(answer, method=NEIGHBOUR, source=_source(answer, of.item_id))
        for place, answer in enumerate(answers.answers)
    }


def _source(answer: Answer, item_id: str) -> str:
    return f"{TWIN} {item_id}" if is_own(answer) else f"{TWIN} {item_id}, {answer.source}"
