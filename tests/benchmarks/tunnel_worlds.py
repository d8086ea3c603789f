"""Random histories of items: states of listings, how they reach the tiers, what the tiers compute, and how that travels.

A history holds a few items. Their states (new texts, prices, other categories, ends, returns) reach the two stream tiers
late, twice, out of order, and again from the start after a job lost what it knew; the tiers' own machines decide what is
computed. Batches compute snapshots, often of states long past, and of items that no stream has ever seen. The answers of
an equal text have equal values and never quite the same confidence, as with a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from pipelines.tunnel import nearline, realtime
from pipelines.tunnel.events import DELETED, Arrival, listing_digest, text_digest
from pipelines.tunnel.nearline import NearlineConfig
from pipelines.tunnel.realtime import RealtimeConfig
from pipelines.tunnel.stream_state import ItemState, Work
from schemas.knowledge import NOT_STATED, STATED, Evidence, KnowledgeRow, Provenance
from schemas.listing import Listing
from schemas.results import KnowledgeResults
from tests.benchmarks.tunnel_oracle import ITEM_END
from udfs.version import version_of, with_digest

KEYS: Mapping[str, tuple[str, ...]] = {
    "tea": ("form", "origin", "grade"),
    "coffee": ("form", "origin", "roast"),
    "cup": ("form", "volume"),
}
WINDOW_MS = 1_000
NEARLINE = NearlineConfig(WINDOW_MS, RealtimeConfig(("star",)))
STREAM_GENERATION = 4
BATCH_GENERATIONS = (2, 3, 5, 9)
"""Some batches are of an older ontology than the streams, some of a newer one."""


@dataclass(frozen=True)
class History:
    """One history. `messages`: what the stream tiers send, in that order. `batches`: rows of finished files.

    `truth`: by item, the facts of its newest state.
    """

    seed: int
    messages: list[KnowledgeResults]
    batches: list[list[KnowledgeRow]]
    truth: dict[str, dict[str, tuple[str, ...]]]

    @property
    def item_ids(self) -> list[str]:
        """Its items, sorted."""
        return sorted(self.truth)

    @property
    def rows(self) -> list[KnowledgeRow]:
        """Every row that is ever said in it."""
        of_streams = [row for message in self.messages for row in message.rows]
        return of_streams + [row for batch in self.batches for row in batch]


@dataclass
class Tiers:
    """Both stream tiers' knowledge of one item, and what they send of it."""

    chance: Random
    near: ItemState | None = None
    real: ItemState | None = None
    now_ms: int = 0
    sent: list[KnowledgeResults] = field(default_factory=list)

    def event(self, one: Arrival, gives_up: bool) -> None:
        """Both jobs read an event; the real-time one may give its work up to the other."""
        self.near = nearline.on_event(self.near, one, self.now_ms, NEARLINE).state
        self.real, work, _ = realtime.on_event(self.real, one, self.now_ms, NEARLINE.realtime)
        if work is not None and gives_up:
            deferred = replace(work.arrival, deferred=True)
            self.near = nearline.on_event(self.near, deferred, self.now_ms, NEARLINE).state
        elif work is not None:
            self._send(work, realtime.TIER)

    def wait(self, ms: int) -> None:
        """Time passes; a window that is over is computed."""
        self.now_ms += ms
        self.near, work, _ = nearline.on_timer(self.near, self.now_ms)
        if work is not None:
            self._send(work, nearline.TIER)

    def forget(self) -> None:
        """A job that is started anew without its state."""
        self.near = self.real = None

    def _send(self, work: Work, tier: str) -> None:
        listing = work.arrival.listing
        rows = answers(listing, work.stamp_ms, tier, STREAM_GENERATION, self.chance)
        self.sent.append(
            KnowledgeResults(
                listing.item_id, listing.category_id or "", work.stamp_ms, tier, f"{tier}-run", tuple(rows)
            )
        )


def random_history(seed: int, base_ms: int, prefix: str = "h") -> History:
    """The history of a seed; its states begin at `base_ms`."""
    chance = Random(seed)
    messages: list[KnowledgeResults] = []
    batches: list[list[KnowledgeRow]] = [[] for _ in range(chance.randrange(1, 4))]
    truth: dict[str, dict[str, tuple[str, ...]]] = {}
    for number in range(chance.randrange(2, 6)):
        item_id = f"{prefix}{seed}-{number}"
        states = random_states(item_id, base_ms, chance)
        computed = _snapshots(states, batches, chance)
        if computed and chance.random() < 0.2:
            # Only batches know this item: its newest state is the newest that any of them has seen.
            newest = max(computed, key=lambda one: one.event_ms)
        else:
            messages += _streamed(states, chance)
            newest = states[-1]
        truth[item_id] = facts_of(newest.listing)
    return History(seed, messages, [batch for batch in batches if batch], truth)


def random_states(item_id: str, base_ms: int, chance: Random) -> list[Arrival]:
    """The states of one listing, oldest first; times strictly grow, some by a millisecond."""
    event_ms = base_ms + chance.randrange(1_000)
    category, text, states = chance.choice(list(KEYS)), "text 0", []
    for number in range(chance.randrange(1, 9)):
        event_ms += chance.choice((1, 2, 50, 5_000, 3_600_000))
        what = chance.random()
        if what < 0.25:
            category = chance.choice(list(KEYS))
        if what < 0.6:
            text = f"text {chance.randrange(4)}"
        ended = chance.random() < 0.18
        listing = Listing(
            item_id=item_id, title="" if ended else text, category_id=category, price=float(number),
            is_deleted=ended, priority="star" if chance.random() < 0.4 else None,
        )  # fmt: skip
        seen = DELETED if ended else text_digest(listing)
        place = ("item-events", 0, number)
        states.append(Arrival(listing, event_ms, listing_digest(listing), seen, event_ms, place))
    return states


def answers(
    listing: Listing, stamp_ms: int, tier: str, generation: int, chance: Random
) -> list[KnowledgeRow]:
    """What a model says of a state: equal texts have equal values, the confidence is never quite the same."""
    if listing.is_deleted:
        return [_row(listing, ITEM_END, (), stamp_ms, tier, generation, 1.0)]
    return [
        _row(listing, key, values, stamp_ms, tier, generation, round(0.5 + chance.random() / 2, 4))
        for key, values in facts_of(listing).items()
    ]


def facts_of(listing: Listing) -> dict[str, tuple[str, ...]]:
    """The facts of a state, by key of its category: some texts do not state some keys."""
    if listing.is_deleted:
        return {}
    found = {}
    for key in KEYS[str(listing.category_id)]:
        number = hashlib.blake2b(f"{listing.title}/{key}".encode(), digest_size=1).digest()[0]
        found[key] = (f"{listing.title}: {key} {number}",) if number % 4 else ()
    return found


def deliveries(history: History, chance: Random) -> list[KnowledgeResults | list[KnowledgeRow]]:
    """Messages and files in the order of their arrival: some late, some twice, and at the end all of them again or not."""
    given: list[KnowledgeResults | list[KnowledgeRow]] = [*history.messages, *history.batches]
    disorder = chance.choice((0.0, 2.0, 1_000.0))
    places = {at: at + chance.random() * disorder for at in range(len(given))}
    late = [given[at] for at in sorted(places, key=places.__getitem__)]
    for again in chance.choices(given, k=len(given) // 3):
        late.insert(chance.randrange(len(late) + 1), again)
    return late + (given if chance.random() < 0.5 else [])


def _snapshots(states: Sequence[Arrival], batches: list[list[KnowledgeRow]], chance: Random) -> list[Arrival]:
    """Batches compute snapshots of the item, of states old or new; which states those were."""
    computed = []
    for number, batch in enumerate(batches):
        if chance.random() < 0.6:
            state = chance.choice(states)
            generation = BATCH_GENERATIONS[number % len(BATCH_GENERATIONS)]
            batch += answers(state.listing, state.event_ms, "offline", generation, chance)
            computed.append(state)
    return computed


def _streamed(states: Sequence[Arrival], chance: Random) -> list[KnowledgeResults]:
    """The stream tiers read all states of an item: late, twice, in another order, some of them from the start again."""
    tiers = Tiers(chance)
    for _ in range(chance.choice((1, 1, 2))):
        tiers.forget()
        for one in _arrivals(states, chance):
            tiers.event(one, gives_up=chance.random() < 0.2)
            tiers.wait(chance.choice((0, 10, WINDOW_MS // 2, WINDOW_MS)))
        tiers.wait(WINDOW_MS)
    return tiers.sent


def _arrivals(states: Sequence[Arrival], chance: Random) -> list[Arrival]:
    found = list(states)
    if chance.random() < 0.6:
        chance.shuffle(found)
    for again in chance.choices(states, k=len(states) // 2):
        found.insert(chance.randrange(len(found) + 1), again)
    return found


def _row(
    listing: Listing,
    attr_id: str,
    values: tuple[str, ...],
    stamp_ms: int,
    tier: str,
    generation: int,
    confidence: float,
) -> KnowledgeRow:
    return with_digest(
        KnowledgeRow(
            item_id=listing.item_id,
            attr_id=attr_id,
            category_id=listing.category_id or "",
            spu_id=None,
            value_ids=("",) * len(values),
            value_texts=values,
            status=STATED if values else NOT_STATED,
            evidence=tuple(Evidence(value, "title", 0, 4, listing.title[:4]) for value in values),
            confidence=confidence,
            provenance=Provenance(
                tier, "ranker" if values else "none", f"m{generation}", "v1", "", f"{tier}-run"
            ),
            fingerprint="",
            event_ms=stamp_ms,
            version=version_of(stamp_ms, generation, tier),
            digest="",
            is_deleted=listing.is_deleted,
        )
    )
