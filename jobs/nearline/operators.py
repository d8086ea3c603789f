"""The operators that both stream jobs share: check messages, keep item states; thin shells around `pipelines.tunnel`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyflink.common import Row, Types
from pyflink.datastream import FlatMapFunction, KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor

from jobs.nearline.opening import known_categories
from pipelines.tunnel.events import UNKNOWN_CATEGORY, Arrival, RawMessage, check_event, priority_of
from pipelines.tunnel.nearline import NearlineConfig
from pipelines.tunnel.nearline import on_event as nearline_event
from pipelines.tunnel.nearline import on_timer as nearline_timer
from pipelines.tunnel.nearline import timers as nearline_timers
from pipelines.tunnel.realtime import RealtimeConfig
from pipelines.tunnel.realtime import on_event as realtime_event
from pipelines.tunnel.stream_config import StreamConfig
from pipelines.tunnel.stream_json import (
    arrival_json,
    arrival_of,
    record_json,
    state_json,
    state_of,
    work_json,
)
from schemas.topics import DEFERRED_EVENTS, ITEM_EVENTS, topic_plan

CHECKED, COMPUTE = "", "compute"
"""Topics of rows that stay inside the job: sound events, and work."""


class CheckMessage(FlatMapFunction):  # type: ignore[misc]
    """A raw message becomes a sound event, or a dead letter; both jobs read it, so only one of them `reports` it.

    Each job knows the categories of the release that was the newest when it started. Where they differ, the one that reports may
    leave an item to the other, which does not know its category: so that one hands it over.
    """

    def __init__(self, config: StreamConfig, reports: bool) -> None:
        self._config = config
        self._reports = reports

    def open(self, runtime_context: RuntimeContext) -> None:
        """Read the ontology's categories, and make the counters."""
        self._categories = known_categories(self._config)
        self._counters = Counters(runtime_context)

    def flat_map(self, value: Any) -> Iterator[Row]:
        """One row a message."""
        key, body, topic, partition, offset, time = value
        raw = RawMessage(topic, partition, offset, _ms(time), _bytes(key), _bytes(body))
        found = check_event(raw, self._categories, deferred=topic == DEFERRED_EVENTS)
        if isinstance(found, Arrival):
            yield Row(CHECKED, found.listing.item_id, arrival_json(found))
        else:
            self._counters.add(f"refused_{found.reason}")
            is_unknown = found.reason == UNKNOWN_CATEGORY
            if not self._reports:
                if is_unknown and priority_of(raw) in self._config.priorities:
                    yield Row(DEFERRED_EVENTS, found.key or "", (raw.value or b"").decode("utf-8"))
            elif not (is_unknown and topic == DEFERRED_EVENTS):  # it was reported when it came undeferred
                yield Row(topic_plan(ITEM_EVENTS).dead_letter, found.key or "", record_json(found))


class KeepState(KeyedProcessFunction):  # type: ignore[misc]
    """Keeps each item's newest state; says what is to be computed."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Get the state, and make the counters."""
        self._state = runtime_context.get_state(ValueStateDescriptor("item-state.v1", Types.STRING()))
        self._counters = Counters(runtime_context)


class NearlineState(KeepState):
    """Waits until an item's window is over, and lets its last state through."""

    def __init__(self, config: StreamConfig) -> None:
        realtime = RealtimeConfig(config.priorities, config.give_up_s)
        self._config = NearlineConfig(config.window_ms, realtime)

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Take an event in and set a timer where something became due."""
        service = ctx.timer_service()
        before, now_ms = state_of(self._state.value()), service.current_processing_time()
        step = nearline_event(before, arrival_of(value[2]), now_ms, self._config)
        self._counters.add(step.outcome)
        self._state.update(state_json(step.state))
        for at_ms in nearline_timers(before, step.state, now_ms):
            service.register_processing_time_timer(at_ms)
        yield from ()

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """Let the last state of a window through."""
        before = state_of(self._state.value())
        after, work, outcome = nearline_timer(before, timestamp)
        if after is not None and after != before:
            self._state.update(state_json(after))
            self._counters.add("computed" if work else outcome)
        if work is not None:
            yield Row(COMPUTE, work.arrival.listing.item_id, work_json(work))


class RealtimeState(KeepState):
    """Lets through at once what has to be computed."""

    def __init__(self, config: StreamConfig) -> None:
        self._config = RealtimeConfig(config.priorities, config.give_up_s)

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Take an event in."""
        now_ms = ctx.timer_service().current_processing_time()
        state, work, outcome = realtime_event(
            state_of(self._state.value()), arrival_of(value[2]), now_ms, self._config
        )
        self._counters.add("computed" if work else outcome)
        self._state.update(state_json(state))
        if work is not None:
            yield Row(COMPUTE, work.arrival.listing.item_id, work_json(work))


class Counters:
    """Flink counters by name, made when first needed; the cluster's REST interface shows them."""

    def __init__(self, context: RuntimeContext) -> None:
        self._group = context.get_metrics_group()
        self._made: dict[str, Any] = {}

    def add(self, name: str, number: int = 1) -> None:
        """Count."""
        if name not in self._made:
            self._made[name] = self._group.counter(f"aiic_{name}")
        self._made[name].inc(number)


def _ms(time: Any) -> int:
    """Unix ms of Flink's instant."""
    return int(time.to_epoch_milli())


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
