"""Recognition with load taken off: what was known, what a sibling or neighbour answers, what does not matter; the rest is S2D.

Of every item first what its earlier state answers (B2, before anything is encoded), then what its reference answers (L3, task
B) and what is irrelevant (task A). The keys that are left are searched, ranked and discriminated as ever, references first.
Source: paper section 4.3.1; the order is ours.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from pipelines.library.answers import Answer, ItemAnswers, Usage
from pipelines.library.category import CategoryGuess
from pipelines.library.keys import CategoryView
from pipelines.library.open_pairs import OpenPair, ask_discriminator
from pipelines.library.pairs import Floats, ItemPairs, encoded_text
from pipelines.library.relevance import Relevance
from pipelines.library.rows import CATEGORY_ATTR
from pipelines.library.s2d import S2D
from pipelines.reduction.config import NO_REDUCTION, REDUCED, Reduction
from pipelines.reduction.earlier import (
    Before,
    Kept,
    before_of,
    category_fingerprint,
    fingerprints,
    kept,
    still_predicted,
)
from pipelines.reduction.family_texts import family_texts
from pipelines.reduction.fingerprint import Models, Slices
from pipelines.reduction.flow import DISCRIMINATE, ENCODE, SEARCH, Flow
from pipelines.reduction.inherit import Inheritance, Probed, probed
from pipelines.reduction.job import (
    Held,
    Job,
    lead,
    lenders,
    let_wait,
    subject_of,
    whole,
    witnesses_first,
)
from pipelines.reduction.lend import SIBLING
from pipelines.reduction.narrow import NarrowedViews
from pipelines.reduction.offer import Offer, offers, pairs_of_offers, read_slots
from pipelines.reduction.offered import worth_offering
from pipelines.reduction.references import Reference, references
from pipelines.reduction.siblings import told_of
from pipelines.reduction.twins import TWIN, as_twin, twins
from pipelines.reduction.witnesses import Whole, few_witnesses
from schemas.knowledge import KnowledgeRow
from schemas.listing import Listing
from udfs.document import Document, document

UNCHANGED, MOVED = "unchanged", "moved"


@dataclass
class ReducedS2D(S2D):
    """A `Recogniser` that leaves out what `reduction` allows; with everything off it answers as `S2D` does.

    References are sought among the items of one call, so a call should hold whole families; answers do not depend on what
    was called before. `heads`: the relevance model, where a switch needs it. `before`: what is known of items, by id, None
    where nothing is to be kept. `flow`: whose gates chunks pass, None for none. Items whose images are read are recognised whole.
    """

    reduction: Reduction = NO_REDUCTION
    heads: Relevance | None = None
    before: Callable[[str], Before | None] | None = None
    slices: Slices = field(default_factory=Slices)
    flow: Flow | None = None
    _narrowed: NarrowedViews = field(default_factory=NarrowedViews)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.heads is not None:
            self.heads.check_encoder(self.encoder_id)
        self._inheritance = Inheritance(self.reduction, self.release, self.heads)

    @property
    def models(self) -> Models:
        """Who answers, for fingerprints."""
        whole, _, lending = self.model.partition(REDUCED)
        ranking, _, prompted = whole.rpartition(" + ")
        asked = f"{prompted} {self.config.keys_per_request} {self.reduction.shared_first}"
        if self.reduction.least_chance:
            asked += f" {self.reduction.least_chance:g}"
        said = f"{ranking} {self.config.discriminator} {self.config.top_k}"
        return Models(said, asked, lending or str(self.reduction))

    def remember(self, known: Mapping[str, tuple[Listing, Sequence[KnowledgeRow]]]) -> None:
        """Keep from now on what did not change since these items were last recognised: each one's listing and rows then."""
        held = {item_id: before_of(listing, rows) for item_id, (listing, rows) in known.items()}
        self.before = held.get if held else None

    def pair_prints(self, listing: Listing, found: ItemAnswers) -> dict[str, str]:
        """By attr_id, what an item's rows were computed from, for their fingerprints.

        Nothing for an item whose images may have been read: what they show is not part of a fingerprint.
        """
        if self.images is not None:
            return {}
        slices = self.slices.of(self.views.of(found.category_id))
        own = {CATEGORY_ATTR: category_fingerprint(listing, self.ontology_version, self.models)}
        return own | fingerprints(listing, found.answers, slices, self.models)

    async def recognise(self, listings: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
        """Answers of N listings, same order. `Usage.pairs` counts what was taken over by where it came from.

        Errors: InferenceError, ModelMismatch.
        """
        is_plain = self.reduction.is_off and self.before is None and self.flow is None
        if self.images is not None or is_plain:
            return await super().recognise(listings)
        usage = Usage()
        found: list[ItemAnswers | None] = [None] * len(listings)
        holds: dict[int, Held] = {}
        for place, listing in enumerate(listings):
            guess = self._known_category(listing)
            if guess is None:
                continue
            category = self.views.of(guess.category_id)
            held = holds[place] = self._held(listing, guess, category, usage)
            if len(held.known) == len(category.keys):
                found[place] = whole(listing, guess, held.known)
        left = [place for place, answers in enumerate(found) if answers is None]
        knows = {place: len(holds[place].known) if place in holds else 0 for place in left}
        copies = twins(listings, knows) if self.reduction.lends else {}
        left = [place for place in left if place not in copies]
        if left:
            wanted = [*left, *self._witnesses(listings, {*left, *copies}, left, holds)]
            for job in await self._compute([(place, listings[place]) for place in wanted], holds, usage):
                found[job.place] = whole(job.listing, job.guess, job.known)
        for place, other in copies.items():
            found[place] = self._twin(listings[place], holds.get(place), found[other], listings[other], usage)
        return [answers for answers in found if answers is not None], usage

    def _twin(
        self, listing: Listing, held: Held | None, answers: ItemAnswers | None, of: Listing, usage: Usage
    ) -> ItemAnswers:
        """What is known of an item, and for the rest what the one with its text has answered."""
        if answers is None:
            raise RuntimeError(f"{of.item_id} was to answer for {listing.item_id} and has no answers")
        own = held.known if held and held.guess.category_id == answers.category_id else {}
        usage.pairs[TWIN] += len(answers.answers) - len(own)
        guess = CategoryGuess(answers.category_id, answers.category_confidence)
        return whole(listing, guess, as_twin(answers, of) | dict(own))

    def _witnesses(
        self, listings: Sequence[Listing], open_: Set[int], left: Sequence[int], holds: Mapping[int, Held]
    ) -> list[int]:
        """Items that are known whole, of families of which others are left: those few that may answer for these.

        `open_`: who is not known whole; of these `left` are computed.
        """
        if not self.reduction.task_b:
            return []
        families: dict[str, list[int]] = defaultdict(list)
        for place, listing in enumerate(listings):
            if listing.spu_id:
                families[listing.spu_id].append(place)
        computed = set(left)
        chosen: set[int] = set()
        for places in families.values():
            changed = [place for place in places if place in computed]
            members = [place for place in places if place not in open_]
            if members and changed:
                chosen |= few_witnesses(
                    [Whole(place, listings[place], *holds[place][:2]) for place in members],
                    [Whole(place, listings[place], *holds[place][:2]) for place in changed if place in holds],
                    self.views,
                )
        return sorted(chosen)

    def _known_category(self, listing: Listing) -> CategoryGuess | None:
        """The category that a listing names, or that was predicted of it before and still is; None: to be predicted."""
        if listing.category_id in self.release.snapshot.categories:
            return CategoryGuess(str(listing.category_id), 1.0)
        before = self.before(listing.item_id) if self.before else None
        if before is None or before.category_id not in self.release.snapshot.categories:
            return None
        sure = still_predicted(before, listing, self.ontology_version, self.models)
        return None if sure is None else CategoryGuess(before.category_id, sure)

    def _held(self, listing: Listing, guess: CategoryGuess, category: CategoryView, usage: Usage) -> Held:
        """What is known of an item's keys already."""
        before = self.before(listing.item_id) if self.before else None
        if before is None:
            return Held(guess, {})
        stands: Kept = kept(before, listing, category, self.slices.of(category), self.models)
        usage.pairs[UNCHANGED] += len(stands.unchanged)
        usage.pairs[MOVED] += len(stands.moved)
        return Held(guess, {**stands.unchanged, **stands.moved}, dict(stands.changed), before.listing)

    async def _compute(
        self, wanted: Sequence[tuple[int, Listing]], holds: Mapping[int, Held], usage: Usage
    ) -> list[Job]:
        """Items of which something is to be computed, references first."""
        await self._check_encoder()
        documents = [document(listing) for _, listing in wanted]
        async with self._stage(ENCODE):
            started_s = time.perf_counter()
            vectors = await self.embed([encoded_text(found) for found in documents])
            usage.tokens["encoded_texts"] += len(wanted)
            usage.seconds["encode"] += time.perf_counter() - started_s
        async with self._stage(SEARCH):
            started_s = time.perf_counter()
            jobs = witnesses_first(
                await asyncio.to_thread(self._jobs, wanted, documents, vectors, holds, usage)
            )
            chosen = references([subject_of(job) for job in jobs], self.reduction)
            lead(jobs, chosen)
            usage.seconds["reduce"] += time.perf_counter() - started_s
        first = [job for job, reference in zip(jobs, chosen, strict=True) if reference is None]
        then = [
            (job, reference) for job, reference in zip(jobs, chosen, strict=True) if reference is not None
        ]
        await self._wave([(job, None) for job in first], jobs, usage)
        await self._wave(then, jobs, usage)
        await self._wave([(job, None) for job, _ in then if job.waits], jobs, usage)
        return jobs

    def _jobs(
        self,
        wanted: Sequence[tuple[int, Listing]],
        documents: Sequence[Document],
        vectors: Floats,
        holds: Mapping[int, Held],
        usage: Usage,
    ) -> list[Job]:
        jobs = []
        for (place, listing), found, vector in zip(wanted, documents, vectors, strict=True):
            held = holds.get(place)
            if held is None:
                guess = self._category(listing, found, vector)
                held = self._held(listing, guess, self.views.of(guess.category_id), usage)
            category = self.views.of(held.guess.category_id)
            is_witness = len(held.known) == len(category.keys)
            job = Job(place, listing, found, vector, held.guess, category, held.known, is_witness=is_witness)
            if held.changed and held.earlier and self.reduction.task_b:
                then = document(held.earlier)
                job.was = Job(place, held.earlier, then, vector, held.guess, category, held.changed)
            jobs.append(job)
        families: dict[str, list[Job]] = defaultdict(list)
        for job in jobs:
            families[f"spu {job.listing.spu_id}" if job.listing.spu_id else f"place {job.place}"].append(job)
        for family in families.values():
            for job, texts in zip(family, family_texts([job.document for job in family]), strict=True):
                job.texts = texts
        return jobs

    async def _wave(
        self, wave: Sequence[tuple[Job, Reference | None]], jobs: Sequence[Job], usage: Usage
    ) -> None:
        """Compute what is left of some items, whose references are computed."""
        async with self._stage(SEARCH):
            started_s = time.perf_counter()
            usage.pairs.update(await asyncio.to_thread(self._take_over, wave, jobs))
            usage.seconds["reduce"] += time.perf_counter() - started_s
            made = await self._offers([job for job, _ in wave if job.left], usage)
            asked = [offer.job for offer in made]
            items, ranked = await self._ranked(made, usage)
        if not asked:
            return
        answers, opened = self._settle(items, ranked, usage)
        opened = worth_offering(opened, self.reduction.least_chance)
        async with self._stage(DISCRIMINATE):
            started_s = time.perf_counter()
            verdicts = await self._ask(opened, asked, usage)
            usage.seconds["discriminate"] += time.perf_counter() - started_s
        for pair, answer in zip(opened, verdicts, strict=True):
            answers[pair.item][pair.key] = answer
            usage.pairs[answer.method] += 1
        for job, found in zip(asked, answers, strict=True):
            job.known.update(zip(job.left, found, strict=True))

    async def _offers(self, asked: Sequence[Job], usage: Usage) -> list[Offer]:
        """Candidates of the keys that are left; those items of which slots tell all are through."""
        started_s = time.perf_counter()
        made = await asyncio.to_thread(offers, self.release, asked, self._narrowed, self.config.top_k)
        usage.seconds["search"] += time.perf_counter() - started_s
        if self.reduction.task_b:
            started_s = time.perf_counter()
            usage.pairs.update(await asyncio.to_thread(self._read_slots, made))
            usage.seconds["reduce"] += time.perf_counter() - started_s
        return [offer for offer in made if offer.job.left]

    async def _ranked(
        self, made: Sequence[Offer], usage: Usage
    ) -> tuple[list[ItemPairs], list[list[Floats]]]:
        """The candidates' probabilities."""
        if not made:
            return [], []
        started_s = time.perf_counter()
        jobs = [offer.job for offer in made]
        keys = await self._keys.of(job.category for job in jobs) if self.scorer else {}
        rows = [keys[job.category.category_id][list(job.left)] for job in jobs] if keys else []
        items = await asyncio.to_thread(pairs_of_offers, made, self._narrowed)
        ranked = await asyncio.to_thread(self._rank_by, items, rows)
        usage.seconds["rank"] += time.perf_counter() - started_s
        return items, ranked

    def _stage(self, name: str) -> AbstractAsyncContextManager[None]:
        return self.flow.stage(name) if self.flow else nullcontext()

    def _take_over(self, wave: Sequence[tuple[Job, Reference | None]], jobs: Sequence[Job]) -> Counter[str]:
        """Give each item what its reference answers and what does not matter; counts by where it came from."""
        taken: Counter[str] = Counter()
        if not (self.reduction.lends or self.reduction.task_a):
            return taken
        for job, reference in wave:
            for lender, places in lenders(job, jobs[reference.place] if reference else None):
                kind = reference or Reference(-1, SIBLING, 0.0)
                told = told_of(lender.category, lender.known) if lender else []
                ready = self._probed(lender) if lender else None
                known = self._inheritance.known(self._probed(job), kind if lender else None, ready, told)
                for place in places & known.keys():
                    job.known[place] = known[place]
                    taken[known[place].source.split(" ", 1)[0]] += 1
            job.waits = {}
        if self.reduction.task_b:
            families = {job.listing.spu_id for job, reference in wave if reference and job.left}
            asked = [job for job, reference in wave if reference and not job.is_witness]
            # A leader has been asked already: who is left may not take over from it.
            asked_of = {job.leader.place for job in asked if job.leader}
            witnesses = [
                job
                for job in jobs
                if job.is_witness and job.place not in asked_of and job.listing.spu_id in families
            ]
            let_wait([(job, self._probed(job)) for job in (*witnesses, *asked)])
        return taken

    def _read_slots(self, made: Sequence[Offer]) -> Counter[str]:
        """Answer what stands at the place of a sibling's answer; counts by where it came from."""
        taken: Counter[str] = Counter()
        for offer in made:
            for place, answer in read_slots(offer, self._probed).items():
                offer.job.known[place] = answer
                taken[answer.source.split(" ", 1)[0]] += 1
        return taken

    def _probed(self, job: Job) -> Probed:
        if job.own is None:
            job.own = probed(job.listing, job.category, job.vector, job.words)
        return job.own

    async def _ask(self, opened: Sequence[OpenPair], jobs: Sequence[Job], usage: Usage) -> list[Answer]:
        meta, point = self.ranker.meta, self._point()
        texts = (
            {number: job.texts for number, job in enumerate(jobs)} if self.reduction.shared_first else None
        )
        return await ask_discriminator(
            opened, self.discriminator, self.config, meta, point, usage, texts=texts
        )
