"""What is offered for the keys that are left of an item: candidates first, so that slots can be read before anything is ranked.

Ranking costs most of what recognition computes itself (the scorer's network), and what stands at the place of a sibling's value
needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.library.answers import Answer
from pipelines.library.candidates import Candidate, candidates
from pipelines.library.pairs import ItemPairs, pairs_of
from pipelines.ontology.release import Release
from pipelines.reduction.inherit import Probed
from pipelines.reduction.job import Job
from pipelines.reduction.narrow import NarrowedViews
from pipelines.reduction.search_batches import similar_of_many
from pipelines.reduction.slots import Slot, read


@dataclass(frozen=True, slots=True)
class Offer:
    """One item and, by key place, the candidates of each key that was left when they were sought."""

    job: Job
    candidates: dict[int, list[Candidate]]


def offers(release: Release, jobs: Sequence[Job], narrowed: NarrowedViews, top_k: int) -> list[Offer]:
    """Search and candidates for what is left of N items, same order."""
    categories = [narrowed.of(job.category, job.left) for job in jobs]
    found = similar_of_many(
        release, [(category, job.vector) for category, job in zip(categories, jobs, strict=True)], top_k
    )
    return [
        Offer(job, dict(zip(job.left, candidates(job.words, category, similar, None, top_k), strict=True)))
        for job, category, similar in zip(jobs, categories, found, strict=True)
    ]


def read_slots(offer: Offer, probed: Callable[[Job], Probed]) -> dict[int, Answer]:
    """By key place, what the item says where its leader said its answer, or itself before it changed; see `slots.read`."""
    found: dict[int, Answer] = {}
    for reference in (offer.job.was, offer.job.leader):
        if reference is not None:
            found = _read_from(reference, offer, probed) | found
    return found


def _read_from(reference: Job, offer: Offer, probed: Callable[[Job], Probed]) -> dict[int, Answer]:
    job, found = offer.job, {}
    for place, offered in offer.candidates.items():
        if (answer := reference.known.get(place)) is None:
            continue
        notes = (probed(job).notes.notes[place], probed(reference).notes.notes[place])
        view, is_earlier = job.category.keys[place], reference is job.was
        slot = Slot(view, job.document, job.listing, reference.listing, notes, offered, is_earlier)
        told = read(slot, answer)
        if told is not None:
            found[place] = told
    return found


def pairs_of_offers(made: Sequence[Offer], narrowed: NarrowedViews) -> list[ItemPairs]:
    """The ranker's input for the keys that are left now, an item each."""
    return [
        pairs_of(
            number,
            offer.job.listing,
            offer.job.words,
            narrowed.of(offer.job.category, offer.job.left),
            [offer.candidates[place] for place in offer.job.left],
        )
        for number, offer in enumerate(made)
    ]
