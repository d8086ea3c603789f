"""Item states of both stream tiers: whatever order events come in, the rows settle to the newest state's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.tunnel import nearline, realtime
from pipelines.tunnel.events import DELETED, Arrival, listing_digest, text_digest
from pipelines.tunnel.nearline import NearlineConfig
from pipelines.tunnel.realtime import AnswerMemory, RealtimeConfig
from pipelines.tunnel.stream_json import arrival_json, arrival_of, state_json, state_of, work_json, work_of
from pipelines.tunnel.stream_state import ItemState, Work
from schemas.knowledge import NOT_STATED, STATED, KnowledgeRow, Provenance
from schemas.listing import Listing
from udfs.version import ITEM_ATTR, MARKERS, settle, version_of, with_digest

WINDOW_MS = 1_000
NEARLINE = NearlineConfig(WINDOW_MS, RealtimeConfig(("star",)))
GENERATIONS = {"nearline": 2, "realtime": 3, "offline": 5}
CATEGORY = {"A": "tea", "B": "tea", "C": "coffee"}


def arrival(
    event_ms: int, text: str = "A", star: bool = False, deleted: bool = False, price: float = 1.0
) -> Arrival:
    listing = Listing(
        item_id="sku", title="" if deleted else text, category_id=CATEGORY[text], price=price,
        is_deleted=deleted, priority="star" if star else None,
    )  # fmt: skip
    seen = DELETED if deleted else text_digest(listing)
    return Arrival(listing, event_ms, listing_digest(listing), seen, event_ms, ("item-events", 0, event_ms))


def rows_of(work: Work, tier: str) -> list[KnowledgeRow]:
    """What a deterministic recogniser says: two keys, both hold the title; of an end, the item's tombstone."""
    listing = work.arrival.listing
    deleted = listing.is_deleted
    return [
        with_digest(
            KnowledgeRow(
                item_id="sku", attr_id=attr_id, category_id=str(listing.category_id), spu_id=None, value_ids=(),
                value_texts=() if deleted else (listing.title,), status=NOT_STATED if deleted else STATED,
                evidence=(), confidence=1.0, provenance=Provenance(tier, "rule", "m", "v", "", "r"),
                fingerprint="", event_ms=work.stamp_ms,
                version=version_of(work.stamp_ms, GENERATIONS[tier], tier), digest="", is_deleted=deleted,
            )
        )
        for attr_id in ((ITEM_ATTR,) if deleted else ("form", f"origin-{listing.category_id}"))
    ]  # fmt: skip


def facts(rows: list[KnowledgeRow]) -> dict[str, tuple[str, ...]]:
    """What is said of the item in the end."""
    found = settle(rows).values()
    return {
        row.attr_id: row.value_texts for row in found if not row.is_deleted and row.attr_id not in MARKERS
    }


@dataclass
class Stack:
    """Both tiers side by side, each with its own state of the one item, and all rows that they sent."""

    near: ItemState | None = None
    real: ItemState | None = None
    now_ms: int = 0
    sent: list[KnowledgeRow] = field(default_factory=list)
    works: list[tuple[str, Work]] = field(default_factory=list)

    def event(self, one: Arrival, gives_up: bool = False) -> None:
        self.to_nearline(one)
        self.real, work, _ = realtime.on_event(self.real, one, self.now_ms, NEARLINE.realtime)
        if work is not None and gives_up:
            self.to_nearline(replace(work.arrival, deferred=True))
        elif work is not None:
            self._computed("realtime", work)

    def to_nearline(self, one: Arrival) -> str:
        step = nearline.on_event(self.near, one, self.now_ms, NEARLINE)
        self.near = step.state
        return step.outcome

    def wait(self, ms: int) -> None:
        """Time passes; a due timer fires."""
        self.now_ms += ms
        self.near, work, _ = nearline.on_timer(self.near, self.now_ms)
        if work is not None:
            self._computed("nearline", work)

    def _computed(self, tier: str, work: Work) -> None:
        self.works.append((tier, work))
        self.sent += rows_of(work, tier)


def titles(stack: Stack) -> list[tuple[str, str, int]]:
    return [(tier, work.arrival.listing.title, work.stamp_ms) for tier, work in stack.works]


def test_a_window_computes_its_last_state_once():
    stack = Stack()
    for event_ms, text in ((10, "A"), (20, "B"), (30, "C")):
        stack.event(arrival(event_ms, text))
        stack.wait(100)
    assert titles(stack) == []
    stack.wait(WINDOW_MS)
    assert titles(stack) == [("nearline", "C", 30)]
    stack.wait(WINDOW_MS)
    assert len(stack.works) == 1


def test_a_window_is_not_prolonged_by_further_events():
    stack = Stack()
    for event_ms in range(10):
        stack.event(arrival(event_ms, "AB"[event_ms % 2]))
        stack.wait(WINDOW_MS // 5)
    assert [stamp_ms for _, _, stamp_ms in titles(stack)] == [4, 9]


def test_a_lost_timer_is_made_up_for_by_a_second_one_or_by_a_later_event():
    first = nearline.on_event(None, arrival(1), 0, NEARLINE).state
    due_ms, second_ms = nearline.timers(None, first, 0)
    assert (due_ms, second_ms) == (WINDOW_MS, WINDOW_MS + nearline.SECOND_LOOK_MS)
    _, work, _ = nearline.on_timer(first, second_ms)
    assert work is not None and work.stamp_ms == 1
    # An event in good time needs no timer of its own; one that finds its item overdue asks for one now.
    early = nearline.on_event(first, arrival(2, "B"), 500, NEARLINE).state
    assert nearline.timers(first, early, 500) == ()
    late = nearline.on_event(first, arrival(3, "B"), 20_000, NEARLINE).state
    assert nearline.timers(first, late, 20_000) == (20_000,)
    settled, work, _ = nearline.on_timer(late, 20_000)
    assert work is not None and work.arrival.listing.title == "B"
    assert settled is not None and nearline.timers(late, settled, 20_001) == ()


def test_the_second_timer_of_a_window_does_not_cut_the_next_one_short():
    first = nearline.on_event(None, arrival(1), 0, NEARLINE).state
    settled, _, _ = nearline.on_timer(first, WINDOW_MS)
    again = nearline.on_event(settled, arrival(2, "B"), 10_500, NEARLINE).state
    assert nearline.on_timer(again, WINDOW_MS + nearline.SECOND_LOOK_MS)[1] is None
    assert nearline.timers(settled, again, 10_500) == (11_500, 21_500)


@pytest.mark.parametrize("star", [False, True])
def test_a_price_change_computes_nothing_and_the_other_tier_neither(star):
    stack = Stack()
    stack.event(arrival(10, star=star))
    stack.wait(WINDOW_MS)
    stack.event(arrival(20, star=star, price=2.0))
    stack.wait(WINDOW_MS)
    assert titles(stack) == [("realtime" if star else "nearline", "A", 10)]


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [
        ([arrival(10), arrival(10)], ["waiting", "duplicate"]),
        ([arrival(10), arrival(5, "B")], ["waiting", "stale"]),
        ([arrival(10), arrival(20, "B")], ["waiting", "coalesced"]),
        ([arrival(10, star=True), arrival(20, "B", star=True)], ["elsewhere", "elsewhere"]),
    ],
)
def test_what_happens_is_said(events, outcomes):
    stack = Stack()
    assert [stack.to_nearline(one) for one in events] == outcomes


def test_a_text_that_the_other_tier_replaced_is_computed_again():
    stack = Stack()
    stack.event(arrival(10, "A"))
    stack.wait(WINDOW_MS)
    stack.event(arrival(20, "B", star=True))
    stack.event(arrival(30, "A"))
    stack.wait(WINDOW_MS)
    assert titles(stack) == [("nearline", "A", 10), ("realtime", "B", 20), ("nearline", "A", 30)]
    assert facts(stack.sent) == facts(rows_of(Work(arrival(30, "A"), 30), "nearline"))


def test_a_late_text_between_reopens_what_was_not_computed():
    """A batch may have computed the late state: its rows would win over those that still stood for the newest."""
    stack = Stack()
    stack.event(arrival(10, "A"))
    stack.wait(WINDOW_MS)
    stack.event(arrival(30, "A", price=2.0))
    assert stack.to_nearline(arrival(20, "B")) == "reopened"
    stack.wait(WINDOW_MS)
    assert titles(stack)[-1] == ("nearline", "A", 30)


def test_what_real_time_gives_up_nearline_computes():
    stack = Stack()
    stack.event(arrival(10, "A", star=True), gives_up=True)
    stack.wait(WINDOW_MS)
    assert titles(stack) == [("nearline", "A", 10)]


def test_states_of_one_time_get_growing_stamps_and_the_greater_digest_wins():
    pair = sorted((arrival(10, "A"), arrival(10, "B")), key=lambda one: one.digest)
    for order, stamps in ((pair, [10, 11]), (pair[::-1], [10])):
        stack = Stack()
        for one in order:
            stack.event(one)
            stack.wait(WINDOW_MS)
        assert [stamp_ms for _, _, stamp_ms in titles(stack)] == stamps
        assert facts(stack.sent) == facts(rows_of(Work(pair[1], 10), "nearline"))


EVENTS = st.builds(
    arrival,
    event_ms=st.integers(1, 9),
    text=st.sampled_from("ABC"),
    star=st.booleans(),
    deleted=st.sampled_from((False, False, False, True)),
    price=st.sampled_from((1.0, 2.0)),
)


@st.composite
def histories(draw) -> tuple[list[Arrival], list[tuple[Arrival, int, bool]], list[Arrival]]:
    """Distinct events; their arrival in any order, some twice, with waiting and giving up; which of them a batch computes.

    Times of one item grow strictly where states enter, but for the batch only: streams bring equal times in order.
    """
    events = draw(st.lists(EVENTS, min_size=1, max_size=7))
    repeated = draw(st.lists(st.sampled_from(events), max_size=4))
    arrivals = draw(st.permutations(events + repeated))
    waits = st.sampled_from((0, 10, WINDOW_MS // 2, WINDOW_MS))
    steps = [(one, draw(waits), draw(st.booleans())) for one in arrivals]
    states = {(one.event_ms, one.digest) for one in events}
    alone = [one for one in events if sum(one.event_ms == event_ms for event_ms, _ in states) == 1]
    return events, steps, [one for one in alone if draw(st.booleans())]


@settings(max_examples=600)
@given(histories())
def test_any_history_settles_to_the_newest_state(history):
    events, steps, batch = history
    stack = Stack()
    for one, wait_ms, gives_up in steps:
        stack.event(one, gives_up)
        stack.wait(wait_ms)
    stack.wait(WINDOW_MS)
    newest = max(events, key=lambda one: (one.event_ms, one.digest))
    by_batch = [row for one in batch for row in rows_of(Work(one, one.event_ms), "offline")]
    assert facts(stack.sent + by_batch) == facts(rows_of(Work(newest, 99), "offline"))


@settings(max_examples=200)
@given(histories())
def test_a_replay_from_any_place_changes_nothing(history):
    """At least once: a job that restarts from a checkpoint reads the rest again, over rows that it had sent already."""
    _, steps, _ = history
    stack = Stack()
    for one, wait_ms, gives_up in steps:
        stack.event(one, gives_up)
        stack.wait(wait_ms)
    stack.wait(WINDOW_MS)
    for kept in range(len(steps)):
        again = Stack()
        for place, (one, wait_ms, gives_up) in enumerate(steps):
            again.event(one, gives_up)
            again.wait(wait_ms)
            if place == kept:
                again.sent += stack.sent
        again.wait(WINDOW_MS)
        assert facts(again.sent) == facts(stack.sent)


@given(histories())
def test_states_and_work_survive_as_text(history):
    stack = Stack()
    for one, wait_ms, _ in history[1]:
        assert arrival_of(arrival_json(one)) == one
        stack.event(one)
        stack.wait(wait_ms)
        for state in (stack.near, stack.real):
            assert state is not None
            assert state_of(state_json(state)) == state
    assert [work_of(work_json(work)) for _, work in stack.works] == [work for _, work in stack.works]
    assert state_of(None) is None


def test_answers_are_remembered_by_text_and_forgotten_when_room_is_short():
    from pipelines.library.answers import ItemAnswers

    memory = AnswerMemory(room=2)
    listings = [Listing(item_id=f"i{n}", title=f"t{n}", spu_id="s", price=float(n)) for n in range(3)]
    for one in listings:
        memory.keep(one, ItemAnswers(one.item_id, "tea", 1.0, ()))
    twin = replace(listings[2], item_id="twin", spu_id="other", price=None)
    found = memory.find(twin)
    assert found is not None
    assert (found.item_id, found.category_id) == ("twin", "tea")
    assert memory.find(listings[0]) is None
    assert memory.find(replace(twin, description="new")) is None
    with pytest.raises(ValueError):
        AnswerMemory(0)
