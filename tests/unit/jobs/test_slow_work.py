"""What asks the discriminator is left under way by one operator and waited for by the next; nothing is lost between them."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from jobs.nearline.compute import LATER, UNDER_WAY, Compute, Finish
from jobs.nearline.operators import COMPUTE
from pipelines.tunnel.asking import TOLD, TellingDiscriminator
from pipelines.tunnel.events import Arrival, listing_digest, text_digest
from pipelines.tunnel.stream_config import StreamConfig
from pipelines.tunnel.stream_json import work_json
from pipelines.tunnel.stream_state import Work
from pipelines.tunnel.stream_work import Deferred
from schemas.inference import Completion
from schemas.listing import Listing
from schemas.topics import DEFERRED_EVENTS

CONFIG = StreamConfig("kafka", "warehouse", "demo", "file:///checkpoints", linger_ms=1, capacity=2)


class Model:
    """A discriminator that answers when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()

    async def complete(self, prompt: str, max_tokens: int, *, regex: Any = None, logprobs: int = 0) -> Any:
        await self.let.wait()
        return Completion("", (), 0, 0, 0)


class SlowWorker:
    """Asks the model about titles with "hard"; all others are done at once."""

    def __init__(self, model: Model) -> None:
        self.asked = TellingDiscriminator(model)
        self.counts: Counter[str] = Counter()
        self.model = model

    async def compute(self, batch: Sequence[Work]) -> list[Deferred]:
        if any("hard" in work.arrival.listing.title for work in batch):
            await self.asked.complete("?", 1)
        self.counts["recognised"] += len(batch)
        return [Deferred(work) for work in batch]  # the simplest outcome that becomes a message


class Loop:
    """An event loop in a thread of its own, as PyFlink gives each operator one."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine: Any, timeout_s: float = 20.0) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout_s)

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5.0)


@pytest.fixture
def loops() -> Iterator[tuple[Loop, Loop]]:
    pair = (Loop(), Loop())
    yield pair
    for one in pair:
        one.end()


def row(item_id: str, title: str, category: str) -> tuple[str, str, str]:
    listing = Listing(item_id, title, category_id=category)
    arrival = Arrival(listing, 5, listing_digest(listing), text_digest(listing), 6, ("item-events", 0, 1))
    return COMPUTE, item_id, work_json(Work(arrival, 5))


def opened(made: Compute, model: Model) -> SlowWorker:
    made.open(None)
    worker = SlowWorker(model)
    made._worker = worker
    return worker


def both_operators() -> tuple[Model, Compute, Finish]:
    model, compute = Model(), Compute(CONFIG, "realtime", None, 10.0)
    opened(compute, model)
    return model, compute, Finish(CONFIG, "realtime", None)


def test_what_asks_is_left_under_way_and_waited_for_elsewhere(loops: tuple[Loop, Loop]) -> None:
    first, second = loops
    model, compute, finish = both_operators()
    finish.open(None)
    easy = first.run(compute.async_invoke(row("a", "easy", "tea")))
    assert [one[0] for one in easy] == [DEFERRED_EVENTS, "counted"]
    # Long before the ten seconds are over: it is told that the model is asked.
    (later,) = first.run(compute.async_invoke(row("b", "hard", "tea")))
    assert later[0] == LATER and len(UNDER_WAY) == 1
    waiting = asyncio.run_coroutine_threadsafe(finish.async_invoke(later), second.loop)
    still = first.run(compute.async_invoke(row("c", "easy", "tea")))
    assert list(still[0][:2]) == [DEFERRED_EVENTS, "c"] and not waiting.done()
    first.loop.call_soon_threadsafe(model.let.set)
    assert list(waiting.result(20.0)[0][:2]) == [DEFERRED_EVENTS, "b"] and len(UNDER_WAY) == 0


def test_where_enough_is_under_way_the_operator_itself_waits(loops: tuple[Loop, Loop]) -> None:
    first, _ = loops
    model, compute = Model(), Compute(CONFIG, "realtime", None, 10.0)
    opened(compute, model)
    for item in ("b", "c"):
        assert first.run(compute.async_invoke(row(item, "hard", item)))[0][0] == LATER
    third = asyncio.run_coroutine_threadsafe(compute.async_invoke(row("d", "hard", "d")), first.loop)
    with pytest.raises(TimeoutError):
        third.result(0.3)
    first.loop.call_soon_threadsafe(model.let.set)
    assert list(third.result(20.0)[0][:2]) == [DEFERRED_EVENTS, "d"]
    compute.close()


def test_a_closed_operator_leaves_nothing_and_the_next_computes_it_itself(loops: tuple[Loop, Loop]) -> None:
    first, second = loops
    _, compute, finish = both_operators()
    (later,) = first.run(compute.async_invoke(row("b", "hard", "tea")))
    compute.close()
    assert len(UNDER_WAY) == 0
    other = Model()
    opened(finish._compute, other)
    waiting = asyncio.run_coroutine_threadsafe(finish.async_invoke(later), second.loop)
    second.loop.call_soon_threadsafe(other.let.set)
    assert list(waiting.result(20.0)[0][:2]) == [DEFERRED_EVENTS, "b"]


def test_who_is_told_is_told_by_tasks_that_a_call_begins() -> None:
    told: list[str] = []

    async def asked() -> None:
        model = Model()
        model.let.set()
        TOLD.set(lambda: told.append("now"))
        await asyncio.gather(TellingDiscriminator(model).complete("?", 1))

    asyncio.run(asked())
    assert told == ["now"] and TOLD.get() is None
