"""One item on its way through recognition with load taken off, and which of its keys wait for a sibling.

Of a family of which some items changed since they were last recognised, the others are witnesses: nothing of them is computed,
but what their own words have answered stands for the changed ones as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipelines.library.answers import Answer, ItemAnswers
from pipelines.library.candidates import ItemText, item_text
from pipelines.library.category import CategoryGuess
from pipelines.library.keys import CategoryView
from pipelines.library.pairs import Floats
from pipelines.reduction.inherit import Probed
from pipelines.reduction.lend import SIBLING, is_own
from pipelines.reduction.references import Reference, Subject
from pipelines.reduction.siblings import awaited
from schemas.listing import Listing
from udfs.document import Document

Known = dict[int, Answer]


class Held(NamedTuple):
    """What is known of an item before it is computed: its category, answers that stand, and own ones of its text as it was.

    `changed` is not what it says now, but what `earlier` said.
    """

    guess: CategoryGuess
    known: Known
    changed: Known | None = None
    earlier: Listing | None = None


@dataclass(slots=True)
class Job:
    """One item: `known` grows until it has an answer for each key. `waits`: by key place, the sibling that is asked first.

    `is_witness`: whether it was known whole before. `leader`: the sibling that is its reference. `was`: itself as it was when it
    was last recognised, with what its words said then that they may not say now.
    """

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
    is_witness: bool = False
    leader: Job | None = None
    was: Job | None = None
    _words: ItemText | None = None

    @property
    def words(self) -> ItemText:
        """Its text's tokens and runs of words, made once."""
        if self._words is None:
            self._words = item_text(self.document)
        return self._words

    @property
    def left(self) -> tuple[int, ...]:
        """Keys that are now to be computed."""
        places = range(len(self.category.keys))
        return tuple(place for place in places if place not in self.known and place not in self.waits)

    @property
    def may_lend(self) -> tuple[int, ...]:
        """Keys that it has answered by its own words; what another item lent it is not handed on."""
        return tuple(place for place, answer in self.known.items() if is_own(answer))


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
    """Let each key that is left wait for the first sibling of the wave that is asked about the same, or was before."""
    families: dict[tuple[str, str], list[tuple[Job, Probed]]] = defaultdict(list)
    for job, own in wave:
        if job.listing.spu_id:
            families[job.category.category_id, job.listing.spu_id].append((job, own))
    for family in families.values():
        family.sort(key=lambda member: not member[0].is_witness)
        waiting = awaited([(own.notes, job.may_lend if job.is_witness else job.left) for job, own in family])
        for (job, _), waits in zip(family, waiting, strict=True):
            if job.is_witness:
                continue
            job.waits = {place: family[number][0] for place, number in waits.items()}


def witnesses_first(jobs: Sequence[Job]) -> list[Job]:
    """Those first whose family's answers are known already, of them those first that were lent the least."""
    return sorted(jobs, key=lambda job: (not job.is_witness, -len(job.may_lend) if job.is_witness else 0))


def lead(jobs: Sequence[Job], chosen: Sequence[Reference | None]) -> None:
    """Note of each item the sibling that is its reference."""
    for job, reference in zip(jobs, chosen, strict=True):
        job.leader = jobs[reference.place] if reference and reference.kind == SIBLING else None


def subject_of(job: Job) -> Subject:
    """The item as references are sought for it."""
    return Subject(job.listing.item_id, job.category.category_id, job.listing.spu_id, job.vector)


def whole(listing: Listing, guess: CategoryGuess, known: Known) -> ItemAnswers:
    """An item's answers, every key being known."""
    found = tuple(known[place] for place in sorted(known))
    return ItemAnswers(listing.item_id, guess.category_id, guess.confidence, found)
