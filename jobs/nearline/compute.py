"""The asynchronous operator of both stream jobs: items under way are gathered into micro-batches by category and family."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pyflink.common import Row
from pyflink.datastream import AsyncFunction, FlatMapFunction, RuntimeContext

from jobs.nearline.opening import open_worker
from jobs.nearline.operators import Counters
from jobs.nearline.under_way import UnderWay
from pipelines.tunnel.asking import TOLD
from pipelines.tunnel.stream_config import StreamConfig
from pipelines.tunnel.stream_json import record_json, work_of
from pipelines.tunnel.stream_state import Work
from pipelines.tunnel.stream_work import Deferred, Outcome, Patience, Worker, event_json, grouped
from schemas.dead_letter import DeadLetter
from schemas.results import fault_of
from schemas.topics import DEFERRED_EVENTS, ITEM_EVENTS, RESULTS, topic_plan

OPEN_AGAIN_S = 5.0
COUNTED = "counted"
"""Topic of rows that say what was counted; they stay inside the job."""
LATER = "later"
"""Topic of rows that stand for work under way; `Finish` turns them into messages."""
UNDER_WAY: UnderWay[list[Row]] = UnderWay()
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Begun:
    """Work that was taken in. `asks`: set when the discriminator is asked about it."""

    work: Work
    outcome: asyncio.Future[Outcome]
    asks: asyncio.Event


class Compute(AsyncFunction):  # type: ignore[misc]
    """Work in, messages out. Items that arrive within `linger_ms` share a call of the recogniser.

    Flink holds at most `capacity` items here and the source behind them, and ends no checkpoint before they are done.
    `at_once_s`: what asks the discriminator, or is not done by then, is left under way for `Finish`; None: nothing is.
    """

    def __init__(
        self, config: StreamConfig, tier: str, give_up_s: float | None, at_once_s: float | None = None
    ) -> None:
        self._config = config
        self._tier = tier
        self._patience = Patience(give_up_s=give_up_s)
        self._at_once_s = at_once_s

    def open(self, runtime_context: RuntimeContext) -> None:
        """Nothing to open: the recogniser is opened by the first item, as its servers may not be there yet."""
        self._waiting: list[_Begun] = []
        self._worker: Worker | None = None
        self._opening: asyncio.Lock | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._told: Counter[str] = Counter()

    def close(self) -> None:
        """Forget what was left under way: the job starts again from a state that still has it."""
        UNDER_WAY.forget(self)

    async def async_invoke(self, value: Row) -> list[Row]:
        """The messages that one piece of work becomes, or a row that stands for them."""
        begun = self._begin(work_of(value[2]))
        rows = asyncio.create_task(self._rows(begun.outcome))
        # Where as much is under way as may be, this operator is held up, and the source behind it.
        if self._at_once_s is None or len(UNDER_WAY) >= self._config.capacity:
            return await rows
        slow = asyncio.create_task(begun.asks.wait())
        await asyncio.wait({rows, slow}, timeout=self._at_once_s, return_when=asyncio.FIRST_COMPLETED)
        slow.cancel()
        if rows.done():
            return rows.result()
        return [Row(LATER, UNDER_WAY.keep(self, rows), value[2])]

    def _begin(self, work: Work) -> _Begun:
        begun = _Begun(work, asyncio.get_running_loop().create_future(), asyncio.Event())
        self._waiting.append(begun)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_soon())
        return begun

    async def _rows(self, outcome: asyncio.Future[Outcome]) -> list[Row]:
        rows = [row for row in [_row(await outcome)] if row is not None]
        return rows + self._counted()

    def timeout(self, value: Row) -> list[Row]:
        """Never wanted: a job that is too slow is held back, it does not drop. Errors: TimeoutError, the job restarts."""
        raise TimeoutError(f"an item was under way for too long: {str(value)[:200]}")

    async def _flush_soon(self) -> None:
        await asyncio.sleep(self._config.linger_ms / 1000)
        taken, self._waiting = self._waiting, []
        for places in grouped([begun.work for begun in taken], self._config.batch_items):
            task = asyncio.create_task(self._compute([taken[place] for place in places]))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _compute(self, batch: list[_Begun]) -> None:
        def tell() -> None:
            for begun in batch:
                begun.asks.set()

        TOLD.set(tell)  # of this task and those that it begins
        try:
            worker = await self._opened()
            outcomes = await worker.compute([begun.work for begun in batch])
        except Exception as error:  # it must reach Flink, which restarts the job from its last checkpoint
            for begun in batch:
                begun.outcome.set_exception(error)
            return
        for begun, found in zip(batch, outcomes, strict=True):
            begun.outcome.set_result(found)

    async def _opened(self) -> Worker:
        """The worker's recogniser, tried again until its servers are there."""
        self._opening = self._opening or asyncio.Lock()
        async with self._opening:
            while self._worker is None:
                try:
                    self._worker = await asyncio.to_thread(
                        open_worker, self._config, self._tier, self._patience, time.monotonic
                    )
                except Exception as error:  # servers away, wrong model: an operator can mend both meanwhile
                    LOG.warning("recogniser not opened, trying again: %s: %s", type(error).__name__, error)
                    await asyncio.sleep(OPEN_AGAIN_S)
            return self._worker

    def _counted(self) -> list[Row]:
        """What the worker has counted since it was last asked."""
        counts = self._worker.counts if self._worker else Counter[str]()
        news = {
            name: number - self._told[name] for name, number in counts.items() if number > self._told[name]
        }
        self._told.update(news)
        return [Row(COUNTED, "", json.dumps(news))] if news else []


class Finish(AsyncFunction):  # type: ignore[misc]
    """Waits for what `Compute` left under way; what is not under way in this process is computed here."""

    def __init__(self, config: StreamConfig, tier: str, give_up_s: float | None) -> None:
        self._compute = Compute(config, tier, give_up_s)

    def open(self, runtime_context: RuntimeContext) -> None:
        """As `Compute`: nothing is opened before it is needed."""
        self._compute.open(runtime_context)

    async def async_invoke(self, value: Row) -> list[Row]:
        """The messages that one piece of work becomes."""
        begun = UNDER_WAY.take(value[1])
        if begun is None:
            return await self._compute.async_invoke(value)
        return await asyncio.wrap_future(begun)

    def timeout(self, value: Row) -> list[Row]:
        """As `Compute`. Errors: TimeoutError, the job restarts."""
        return self._compute.timeout(value)


class Tally(FlatMapFunction):  # type: ignore[misc]
    """Counts what `Compute` has counted: Flink's counters do nothing in the thread of its loop."""

    def open(self, runtime_context: RuntimeContext) -> None:
        """Make the counters."""
        self._counters = Counters(runtime_context)

    def flat_map(self, value: Row) -> Iterator[Row]:
        """Messages go on, counts end here."""
        if value[0] != COUNTED:
            yield value
            return
        for name, number in json.loads(value[2]).items():
            self._counters.add(name, number)


def _row(outcome: Outcome) -> Row | None:
    """The message of an outcome; none for results that no merge would take."""
    if isinstance(outcome, Deferred):
        return Row(DEFERRED_EVENTS, outcome.work.arrival.listing.item_id, event_json(outcome.work))
    if isinstance(outcome, DeadLetter):
        return Row(topic_plan(ITEM_EVENTS).dead_letter, outcome.key or "", record_json(outcome))
    if fault_of(outcome) is not None:
        return None
    return Row(RESULTS, outcome.item_id, record_json(outcome))
