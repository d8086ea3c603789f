"""What a stream job remembers of each item, and what an event or a timer makes of it (paper section 6.1; T2, T3, T5).

A deterministic machine over (state, event or timer) -> (state, work, what happened), without an engine: Flink keeps the
state and calls it, tests call it in every order. Both stream tiers read the same topic and keep the state of every item,
also of those that the other tier answers for: only who has seen all events may say that nothing changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.tunnel.events import Arrival

STALE, DUPLICATE, ELSEWHERE, UNCHANGED, WAITING, COALESCED, REOPENED = (
    "stale", "duplicate", "elsewhere", "unchanged", "waiting", "coalesced", "reopened",
)  # fmt: skip
OUTCOMES = (STALE, DUPLICATE, ELSEWHERE, UNCHANGED, WAITING, COALESCED, REOPENED)


@dataclass(frozen=True, slots=True)
class ItemState:
    """The newest state of an item, as one tier knows it.

    `stamp_ms`: the time that rows of it get; it grows strictly from state to state of an item. `is_mine`: whether this tier
    answers for it. `told`: the text whose rows this tier sent last and which are still those of the item, None where
    that is not sure; `told_ms` their stamp. `due_ms`: when the newest state is to be computed, None: it need not be.
    """

    newest: Arrival
    stamp_ms: int
    is_mine: bool
    told: str | None = None
    told_ms: int = 0
    due_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A state to compute (or an end to tell), with the time that its rows get. Units: Unix ms."""

    arrival: Arrival
    stamp_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """The new state of an item, and what happened, for counting."""

    state: ItemState
    outcome: str


def receive(state: ItemState | None, arrival: Arrival, is_mine: bool, due_ms: int) -> Step:
    """Take an event in. `due_ms`: when it is to be computed if it has to be; one that waits already keeps its time.

    Any order, repetition or delay of an item's events ends with the newest one computed, or with the rows of an equal
    text standing.
    """
    if state is None:
        return Step(
            ItemState(arrival, arrival.event_ms, is_mine, due_ms=due_ms if is_mine else None), _took(is_mine)
        )
    if _order(arrival) == _order(state.newest):
        return _again(state, arrival, is_mine, due_ms)
    if _order(arrival) < _order(state.newest):
        return _late(state, arrival, due_ms)
    # Of two states with one time the later one must win: rows of equal version would be decided by their own digests.
    stamp_ms = max(arrival.event_ms, state.stamp_ms + 1)
    # Rows of another text, by whichever tier or batch, may come between: what was told is then the item's no longer.
    told, told_ms = (state.told, state.told_ms) if state.told == arrival.text else (None, 0)
    # What waits here may have been given up by the other tier, which then takes an equal text for told.
    is_mine = is_mine or (state.due_ms is not None and arrival.text == state.newest.text)
    taken = ItemState(arrival, stamp_ms, is_mine, told, told_ms, state.due_ms if is_mine else None)
    if not is_mine:
        return Step(taken, ELSEWHERE)
    if taken.due_ms is not None:
        return Step(taken, COALESCED)
    return Step(taken, UNCHANGED) if told is not None else Step(replace(taken, due_ms=due_ms), WAITING)


def release(state: ItemState, now_ms: int) -> tuple[ItemState, Work | None, str]:
    """What is due now: the newest state as work, or nothing where its text was told already (or nothing is due)."""
    if state.due_ms is None or state.due_ms > now_ms:
        return state, None, WAITING
    settled = replace(state, due_ms=None)
    if state.told == state.newest.text:
        return settled, None, UNCHANGED
    told = replace(settled, told=state.newest.text, told_ms=state.stamp_ms)
    return told, Work(state.newest, state.stamp_ms), WAITING


def _again(state: ItemState, arrival: Arrival, is_mine: bool, due_ms: int) -> Step:
    """The newest state once more: nothing, unless it is now this tier's to answer."""
    if is_mine and not state.is_mine:
        return Step(replace(state, newest=arrival, is_mine=True, due_ms=due_ms), WAITING)
    return Step(state, DUPLICATE)


def _late(state: ItemState, arrival: Arrival, due_ms: int) -> Step:
    """An older state: it lost, with two cares. The other tier takes a text that it gave up for told, so the newest state
    of that text is this tier's. And a batch may have computed the older state after the rows that still stand for an
    unchanged text.
    """
    if arrival.deferred and not state.is_mine and arrival.text == state.newest.text:
        return Step(replace(state, is_mine=True, due_ms=due_ms), WAITING)
    is_between = (
        state.told is not None and state.told_ms <= arrival.event_ms and state.told_ms < state.stamp_ms
    )
    if not is_between or arrival.text == state.told:
        return Step(state, STALE)
    doubted = replace(state, told=None, told_ms=0)
    if not state.is_mine or state.due_ms is not None:
        return Step(doubted, STALE)
    return Step(replace(doubted, due_ms=due_ms), REOPENED)


def _order(arrival: Arrival) -> tuple[int, str]:
    return (arrival.event_ms, arrival.digest)


def _took(is_mine: bool) -> str:
    return WAITING if is_mine else ELSEWHERE
