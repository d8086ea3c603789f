"""Nearline tier: within a window only the last state of an item is computed (paper section 6.1; T2)."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.tunnel.events import Arrival
from pipelines.tunnel.realtime import RealtimeConfig, is_realtime
from pipelines.tunnel.stream_state import ItemState, Step, Work, receive, release

TIER = "nearline"


@dataclass(frozen=True, slots=True)
class NearlineConfig:
    """`window_ms`: how long an item's first change waits for further ones. `realtime`: what the other tier takes."""

    window_ms: int = 60_000
    realtime: RealtimeConfig = field(default_factory=RealtimeConfig)


def on_event(state: ItemState | None, arrival: Arrival, now_ms: int, config: NearlineConfig) -> Step:
    """Take an event in. The step's state says in `due_ms` when `on_timer` must be called."""
    is_mine = arrival.deferred or not is_realtime(arrival, config.realtime)
    return receive(state, arrival, is_mine, now_ms + config.window_ms)


def on_timer(state: ItemState | None, now_ms: int) -> tuple[ItemState | None, Work | None, str]:
    """What a timer makes due: the item's last state, once."""
    return release(state, now_ms) if state is not None else (None, None, "")
