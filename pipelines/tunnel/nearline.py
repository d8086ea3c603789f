"""Nearline tier: within a window only the last state of an item is computed (paper section 6.1; T2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.tunnel.events import Arrival
from pipelines.tunnel.realtime import RealtimeConfig, is_realtime
from pipelines.tunnel.stream_state import ItemState, Step, Work, receive, release

TIER = "nearline"
SECOND_LOOK_MS = 10_000
"""How long after an item is due a second timer looks whether it still is."""


@dataclass(frozen=True, slots=True)
class NearlineConfig:
    """`window_ms`: how long an item's first change waits for further ones. `realtime`: what the other tier takes."""

    window_ms: int = 60_000
    realtime: RealtimeConfig = field(default_factory=RealtimeConfig)


def on_event(state: ItemState | None, arrival: Arrival, now_ms: int, config: NearlineConfig) -> Step:
    """Take an event in. The step's state says in `due_ms` when `on_timer` must be called."""
    is_mine = arrival.deferred or not is_realtime(arrival, config.realtime)
    return receive(state, arrival, is_mine, now_ms + config.window_ms)


def timers(before: ItemState | None, after: ItemState, now_ms: int) -> tuple[int, ...]:
    """The times at which `on_timer` must be called after an event: when the item is due, and once more a little later.

    An engine that crashes or restarts may lose a timer and keep the state that waits for it (Flink has, under kill -9): the
    item would then take every event in and never be computed. The second timer finds it, and so does any later event.
    """
    if after.due_ms is None:
        return ()
    if before is None or before.due_ms != after.due_ms:
        return after.due_ms, after.due_ms + SECOND_LOOK_MS
    return (now_ms,) if now_ms > after.due_ms + SECOND_LOOK_MS else ()


def on_timer(state: ItemState | None, now_ms: int) -> tuple[ItemState | None, Work | None, str]:
    """What a timer makes due: the item's last state, once."""
    return release(state, now_ms) if state is not None else (None, None, "")
