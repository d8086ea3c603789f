"""Who answers for whom: of the items of one call, those that are computed, and those that take over from them (L3, L4).

The items are gone through in their order, so the same items give the same references, however chunks are scheduled. A
reference is always computed itself, never lent to, so that no error is handed on twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.ontology.search import Floats
from pipelines.reduction.config import Reduction
from pipelines.reduction.lend import SIBLING, SIMILAR
from pipelines.reduction.neighbours import NeighbourIndex


@dataclass(frozen=True, slots=True)
class Subject:
    """One item of a call. Shapes: vector (d), unit length."""

    item_id: str
    category_id: str
    spu_id: str | None
    vector: Floats


@dataclass(frozen=True, slots=True)
class Reference:
    """Who answers for an item: its place in the call, whether it is a sibling or a neighbour, and the cosine."""

    place: int
    kind: str
    cosine: float


def references(subjects: Sequence[Subject], reduction: Reduction) -> list[Reference | None]:
    """Per item its reference, None for one that is computed.

    With task B an SPU's first item answers for the others. Any other item takes the nearest computed one of its category, if
    that is near enough. Shapes: N in, N out, same order.
    """
    leaders: dict[tuple[str, str], int] = {}
    index = NeighbourIndex(room=max(1, len(subjects)))
    found: list[Reference | None] = []
    for place, subject in enumerate(subjects):
        reference = _sibling(subject, subjects, leaders, reduction) or _similar(
            subject, subjects, index, reduction
        )
        found.append(reference)
        if reference is None:
            if subject.spu_id:
                leaders[subject.category_id, subject.spu_id] = place
            index.add(subject.category_id, str(place), subject.vector)
    return found


def _sibling(
    subject: Subject, subjects: Sequence[Subject], leaders: dict[tuple[str, str], int], reduction: Reduction
) -> Reference | None:
    if not reduction.task_b or not subject.spu_id:
        return None
    place = leaders.get((subject.category_id, subject.spu_id))
    if place is None or subjects[place].item_id == subject.item_id:
        return None
    return Reference(place, SIBLING, float(subjects[place].vector @ subject.vector))


def _similar(
    subject: Subject, subjects: Sequence[Subject], index: NeighbourIndex, reduction: Reduction
) -> Reference | None:
    if not reduction.neighbour_cosine:
        return None
    nearest = index.nearest(subject.category_id, subject.vector)
    if nearest is None or nearest[1] < reduction.neighbour_cosine:
        return None
    place = int(nearest[0])
    return None if subjects[place].item_id == subject.item_id else Reference(place, SIMILAR, nearest[1])
