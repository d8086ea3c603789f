"""From work to results: one micro-batch through the recogniser, whatever happens to the model servers (T2, T3, T5).

While servers are away it tries again for ever (or until the tier hands over): nothing is lost, and the full queue before it
holds the source back. An item that alone cannot be recognised, while others can, becomes a dead letter.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from pipelines.library.answers import ItemAnswers
from pipelines.library.recogniser import Recogniser
from pipelines.library.rows import Stamp, knowledge_rows
from pipelines.tunnel.events import RawMessage, dead_letter
from pipelines.tunnel.offline import fingerprint_of, tombstone
from pipelines.tunnel.realtime import AnswerMemory
from pipelines.tunnel.stream_json import stated_json
from pipelines.tunnel.stream_state import Work
from schemas.dead_letter import DeadLetter
from schemas.knowledge import KnowledgeRow
from schemas.listing import Listing
from schemas.results import KnowledgeResults
from schemas.shard import ShardItem

NOT_RECOGNISABLE = "not_recognisable"
PROBE = Listing(item_id="probe", title="probe")
"""A listing that any recogniser answers: it tells a broken server from an item that breaks recognition."""
TRIES_BEFORE_DOUBT = 3

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How one tries again. `give_up_s` None: never give up."""

    first_s: float = 0.5
    longest_s: float = 15.0
    give_up_s: float | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Work that the tier hands over."""

    work: Work


Outcome = KnowledgeResults | DeadLetter | Deferred


async def _no_other_server() -> None:
    """There is no server but those that the probe needs."""


@dataclass
class Worker:
    """Turns work into results with one recogniser. `counts`: what happened to items, by stage.

    `stamp`: what all its rows share. `ping` fails where a server is away that the probe listing did not need.
    `sleep` and `clock` (seconds) are handed in for tests.
    """

    recogniser: Recogniser
    stamp: Stamp
    patience: Patience
    clock: Callable[[], float]
    sleep: Sleep = asyncio.sleep
    ping: Callable[[], Awaitable[None]] = _no_other_server
    memory: AnswerMemory = field(default_factory=AnswerMemory)
    counts: Counter[str] = field(default_factory=Counter)

    async def compute(self, batch: Sequence[Work]) -> list[Outcome]:
        """The outcome of each piece of work, same order. Never raises for what servers or items do."""
        outcomes: list[Outcome | None] = [self._without_model(work) for work in batch]
        places = [place for place, outcome in enumerate(outcomes) if outcome is None]
        for place, outcome in zip(places, await self._ask([batch[place] for place in places]), strict=True):
            outcomes[place] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _without_model(self, work: Work) -> Outcome | None:
        """An item's end, or the answers that an equal text had."""
        listing = work.arrival.listing
        if listing.is_deleted:
            self.counts["deleted"] += 1
            row = tombstone(ShardItem(listing, work.stamp_ms), self.stamp)
            return self._results(work, listing.category_id or "", [row])
        known = self.memory.find(listing)
        if known is None:
            return None
        self.counts["remembered"] += 1
        return self._answered(work, known)

    async def _ask(self, batch: Sequence[Work]) -> list[Outcome]:
        """Ask the recogniser until it answers, the tier gives up, or one item proves to be at fault."""
        if not batch:
            return []
        started_s, wait_s, tries = self.clock(), self.patience.first_s, 0
        while True:
            fault = await self._try(batch)
            if not isinstance(fault, Exception):
                return fault
            tries += 1
            if tries >= TRIES_BEFORE_DOUBT and await self._is_healthy():
                # Between a try and the look at the servers an outage may have ended: what fails among healthy ones is at fault.
                fault = await self._try(batch)
                if not isinstance(fault, Exception):
                    return fault
                if await self._is_healthy():
                    return await self._one_by_one(batch, fault)
            if self.patience.give_up_s is not None and self.clock() - started_s > self.patience.give_up_s:
                self.counts["deferred"] += len(batch)
                return [Deferred(work) for work in batch]
            self.counts["retries"] += 1
            await self.sleep(wait_s)
            wait_s = min(2 * wait_s, self.patience.longest_s)

    async def _try(self, batch: Sequence[Work]) -> list[Outcome] | Exception:
        try:
            found, usage = await self.recogniser.recognise([work.arrival.listing for work in batch])
        except Exception as error:  # whatever it is, the job must go on and the item must not be lost
            return error
        self.counts["recognised"] += len(batch)
        for name, number in (*usage.tokens.items(), *usage.pairs.items()):
            self.counts[f"usage_{name}"] += number
        outcomes: list[Outcome] = []
        for work, answers in zip(batch, found, strict=True):
            self.memory.keep(work.arrival.listing, answers)
            outcomes.append(self._answered(work, answers))
        return outcomes

    async def _is_healthy(self) -> bool:
        try:
            await self.recogniser.recognise([PROBE])
            await self.ping()
        except Exception:  # any failure says the same: the fault is not the item's
            return False
        return True

    async def _one_by_one(self, batch: Sequence[Work], fault: Exception) -> list[Outcome]:
        """Servers are well, so an item of the batch is at fault: find it."""
        if len(batch) > 1:
            return [outcome for work in batch for outcome in await self._ask([work])]
        self.counts["dead_letters"] += 1
        return [_letter(batch[0], fault)]

    def _answered(self, work: Work, answers: ItemAnswers) -> KnowledgeResults:
        item = ShardItem(work.arrival.listing, work.stamp_ms)
        fingerprint = fingerprint_of(item, self.stamp)
        rows = knowledge_rows(item.listing, work.stamp_ms, answers, fingerprint, self.stamp)
        return self._results(work, answers.category_id, rows)

    def _results(self, work: Work, category_id: str, rows: Sequence[KnowledgeRow]) -> KnowledgeResults:
        self.counts["rows"] += len(rows)
        return KnowledgeResults(
            item_id=work.arrival.listing.item_id,
            category_id=category_id,
            event_ms=work.stamp_ms,
            tier=self.stamp.tier,
            run_id=self.stamp.run_id,
            rows=tuple(rows),
        )


def _letter(work: Work, fault: Exception) -> DeadLetter:
    topic, partition, offset = work.arrival.origin
    item = work.arrival.listing
    value = event_json(work).encode("utf-8", "replace")
    raw = RawMessage(topic, partition, offset, work.arrival.arrived_ms, item.item_id.encode("utf-8"), value)
    return dead_letter(raw, NOT_RECOGNISABLE, f"{type(fault).__name__}: {fault}")


def event_json(work: Work) -> str:
    """The event that work came from, to send it on: a listing's fields are those of an event.

    Without the fields that its sender left out, else one of the greatest length would become too long.
    """
    return stated_json(work.arrival.listing)


def grouped(works: Sequence[Work], size: int) -> list[list[int]]:
    """Micro-batches: places of works of one category, families kept together, at most `size` each.

    Errors: ValueError for a size below 1.
    """
    if size < 1:
        raise ValueError(f"batches of {size}")

    def family(place: int) -> tuple[str, str, int]:
        listing = works[place].arrival.listing
        return (listing.category_id or "", listing.spu_id or listing.item_id, place)

    batches: list[list[int]] = []
    category: str | None = None
    for place in sorted(range(len(works)), key=family):
        own = works[place].arrival.listing.category_id or ""
        if not batches or own != category or len(batches[-1]) == size:
            batches.append([])
            category = own
        batches[-1].append(place)
    return batches
