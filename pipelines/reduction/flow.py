"""Chunks on their way through encode, search and discriminate, overlapping, with bounds everywhere (paper section 4.3.3; L6).

A chunk is a coroutine that passes gates. A gate lets so many chunks work at its stage as the stage's hardware can use; the others
wait before it. How many chunks are on their way at once is bounded, too, so memory does not grow with the catalog. While one
chunk is discriminated, the next is searched and a third encoded. Who worked and who waited is kept as a timeline.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

C = TypeVar("C")
R = TypeVar("R")
ENCODE, SEARCH, DISCRIMINATE = "encode", "search", "discriminate"
CHUNK: ContextVar[int] = ContextVar("chunk", default=-1)
"""Which chunk a coroutine works for."""


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """How many chunks may be at each stage, and on their way altogether. The CPU stage is one wide: it has threads of its own."""

    at_stage: Mapping[str, int] = field(default_factory=lambda: {ENCODE: 2, SEARCH: 1, DISCRIMINATE: 4})
    on_their_way: int = 6


@dataclass(frozen=True, slots=True)
class Span:
    """One chunk at one stage: from when it waited, worked, and was through. Units: seconds of the flow's clock."""

    chunk: int
    stage: str
    came_s: float
    began_s: float
    ended_s: float


@dataclass(slots=True)
class Flow:
    """Gates and timeline of one run. Belongs to one event loop."""

    config: FlowConfig = field(default_factory=FlowConfig)
    clock: Callable[[], float] = time.perf_counter
    spans: list[Span] = field(default_factory=list)
    _gates: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[None]:
        """Pass a gate and work behind it. Errors: KeyError for a stage that the configuration does not name."""
        gate = self._gates.setdefault(name, asyncio.Semaphore(self.config.at_stage[name]))
        came_s = self.clock()
        async with gate:
            began_s = self.clock()
            try:
                yield
            finally:
                self.spans.append(Span(CHUNK.get(), name, came_s, began_s, self.clock()))

    def take_spans(self) -> list[Span]:
        """The spans until now, which the flow forgets."""
        found = list(self.spans)
        self.spans.clear()
        return found

    async def run(self, chunks: Iterable[C], work: Callable[[C], Awaitable[R]]) -> AsyncIterator[R]:
        """The results of all chunks in their order. A chunk is taken only when there is room for one more.

        Memory: `on_their_way` chunks, waiting results included. Errors: the first of `work`; the others are cancelled.
        """
        under_way: deque[asyncio.Task[R]] = deque()
        try:
            for number, chunk in enumerate(chunks):
                if len(under_way) >= self.config.on_their_way:
                    yield await self._next(under_way)
                under_way.append(asyncio.ensure_future(self._one(number, chunk, work)))
            while under_way:
                yield await self._next(under_way)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _one(self, number: int, chunk: C, work: Callable[[C], Awaitable[R]]) -> R:
        CHUNK.set(number)
        return await work(chunk)

    async def _next(self, under_way: deque[asyncio.Task[R]]) -> R:
        """The oldest chunk's result; a failure of any chunk is raised at once, not when its turn comes."""
        while not under_way[0].done():
            working = [task for task in under_way if not task.done()]
            await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            for task in under_way:
                if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                    raise error
        return under_way.popleft().result()


def seconds(spans: Sequence[Span]) -> dict[str, dict[str, float]]:
    """By stage, the seconds that chunks worked and waited there, and those at which nobody worked between first and last."""
    found: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(span.stage for span in spans):
        own = [span for span in spans if span.stage == name]
        busy = _covered([(span.began_s, span.ended_s) for span in own])
        whole = max(span.ended_s for span in spans) - min(span.came_s for span in spans)
        found[name] = {
            "worked": sum(span.ended_s - span.began_s for span in own),
            "waited": sum(span.began_s - span.came_s for span in own),
            "idle": whole - busy,
        }
    return found


def _covered(times: Sequence[tuple[float, float]]) -> float:
    """Seconds that at least one of the spans covers."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(times):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
