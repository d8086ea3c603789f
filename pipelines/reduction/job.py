"""One item on its way through recognition with load taken off, and which of its keys wait for a sibling."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.library.answers import Answer, ItemAnswers
from pipelines.library.category import CategoryGuess
from pipelines.library.keys import CategoryView
from pipelines.library.pairs import Floats
from pipelines.reduction.inherit import Probed
from pipelines.reduction.references import Subject
from pipelines.reduction.siblings import awaited
from schemas.listing import Listing
from udfs.document import Document

Known = dict[int, Answer]
Held = tuple[CategoryGuess, Known]


@dataclass(slots=True)
class Job:
    """One item: `known` grows until it has an answer for each key. `waits`: by key place, the sibling that is asked first."""

    place: int
    listing: Listing
    document: Document
    vector: Floats
    guess: CategoryGuess
    category: CategoryView
    known: Known
    own: Probed | None = None
    texts: tuple[str, str] = ("", "")
    waits: dict[int, Job] = field(default_factory=dict)

    @property
    def left(self) -> tuple[int, ...]:
        """Keys that are now to be computed."""
        places = range(len(self.category.keys))
        return tuple(place for place in places if place not in self.known and place not in self.waits)


def lenders(job: Job, reference: Job | None) -> list[tuple[Job | None, set[int]]]:
    """Who may answer for an item now, and for which keys: the siblings that these waited for, or else its reference."""
    if not job.waits:
        return [(reference, set(job.left))] if job.left else []
    places: dict[int, set[int]] = defaultdict(set)
    for place, lender in job.waits.items():
        places[lender.place].add(place)
    by_place = {lender.place: lender for lender in job.waits.values()}
    return [(by_place[place], found) for place, found in places.items()]


def let_wait(wave: Sequence[tuple[Job, Probed]]) -> None:
    """Let each key that is left wait for the first sibling of the wave that is asked about the same."""
    families: dict[tuple[str, str], list[tuple[Job, Probed]]] = defaultdict(list)
    for job, own in wave:
        if job.listing.spu_id:
            families[job.category.category_id, job.listing.spu_id].append((job, own))
    for family in families.values():
        waiting = awaited([(own.notes, job.left) for job, own in family])
        for (job, _), waits in zip(family, waiting, strict=True):
            job.waits = {place: family[number][0] for place, number in waits.items()}


def subject_of(job: Job) -> Subject:
    """The item as references are sought for it."""
    return Subject(job.listing.item_id, job.category.category_id, job.listing.spu_id, job.vector)


def whole(listing: Listing, guess: CategoryGuess, known: Known) -> ItemAnswers:
    """An item's answers, every key being known."""
    found = tuple(known[place] for place in sorted(known))
    return ItemAnswers(listing.item_id, guess.category_id, guess.confidence, found)
