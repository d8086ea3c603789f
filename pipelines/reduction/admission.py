"""How many requests a model server is given at once, by what it says of itself: running, waiting, KV memory (L6).

As TCP finds a line's width: twice as many until something waits or memory fills up, from then on one more while neither does, and
three quarters of it when either does. A server that does not say is given as many as ever.
Source: paper section 4.3.3, "dynamically scheduled according to memory pressure"; the rule is ours.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pipelines.library.discriminate import Discriminator
from pipelines.reduction.flow import CHUNK
from schemas.inference import Completion

_GAUGE = re.compile(r"^(vllm:[a-z_]+)(?:\{[^}]*\})? ([0-9.eE+-]+)$", re.MULTILINE)
RUNNING, WAITING, KV = "vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"
HITS, QUERIES = "vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """What a server says of itself. `kv_used` is a share; `prefix_hits`, `prefix_queries` count tokens since it started."""

    running: float
    waiting: float
    kv_used: float
    prefix_hits: float = 0.0
    prefix_queries: float = 0.0


def server_load(metrics: str) -> ServerLoad:
    """The load that vLLM's /metrics page states; several engines behind one address add up, their KV share is the greatest.

    Errors: ValueError where the page has no count of running requests, so that no server of another kind is taken for idle.
    """
    found: dict[str, list[float]] = {}
    for name, value in _GAUGE.findall(metrics):
        found.setdefault(name, []).append(float(value))
    if RUNNING not in found:
        raise ValueError(f"no {RUNNING} on the metrics page: is this vLLM, with metrics on?")
    return ServerLoad(
        sum(found[RUNNING]),
        sum(found.get(WAITING, ())),
        max(found.get(KV, (0.0,))),
        sum(found.get(HITS, ())),
        sum(found.get(QUERIES, ())),
    )


def together(loads: Sequence[ServerLoad]) -> ServerLoad:
    """The load of a fleet: counts add up, the KV share is the greatest. Errors: ValueError for no servers."""
    return ServerLoad(
        sum(one.running for one in loads),
        sum(one.waiting for one in loads),
        max(one.kv_used for one in loads),
        sum(one.prefix_hits for one in loads),
        sum(one.prefix_queries for one in loads),
    )


@dataclass(frozen=True, slots=True)
class AdmissionConfig:
    """Bounds of the number of requests at once. `most_kv`: share of KV memory above which fewer are admitted.

    Errors: ValueError for a first that is not within the bounds.
    """

    least: int = 1
    most: int = 64
    first: int = 8
    most_waiting: float = 2.0
    most_kv: float = 0.9
    every_s: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.first <= self.most:
            raise ValueError(
                f"requests at once: {self.least} <= {self.first} <= {self.most} does not hold, or none"
            )


@dataclass(slots=True)
class Admission:
    """Admits requests to one server, those of the oldest chunk first. `limit` is how many at present. Belongs to one event loop.

    With the oldest first, chunks stay apart: while the first waits for nothing but search, the server has the next one's requests.
    """

    config: AdmissionConfig
    clock: Callable[[], float] = time.monotonic
    limit: int = 0
    under_way: int = 0
    is_short: bool = False  # whether a request had to wait since the last look
    _is_new: bool = True
    _looked_s: float = float("-inf")
    _count: Iterator[int] = field(default_factory=itertools.count)
    _waiting: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.limit = self.config.first

    def learn(self, load: ServerLoad) -> int:
        """The limit after the server said how it is."""
        if load.waiting > self.config.most_waiting or load.kv_used > self.config.most_kv:
            self.limit = max(self.config.least, self.limit * 3 // 4)
            self._is_new = False
        elif self.is_short:
            self.limit = min(self.config.most, self.limit * 2 if self._is_new else self.limit + 1)
        self.is_short = False
        return self.limit

    @asynccontextmanager
    async def admitted(self, chunk: int = 0) -> AsyncIterator[None]:
        """Wait until there is room, and take it. `chunk`: which one asks; lower ones go first."""
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (chunk, next(self._count), place))
        self._let_in()
        try:
            await place
            yield
        finally:
            if place.done() and not place.cancelled():
                self.under_way -= 1
            self._let_in()

    async def look(self, read: Callable[[], Awaitable[ServerLoad | None]]) -> None:
        """Learn what the server says, where the last look is some time ago. `read` gives None where it does not say."""
        now_s = self.clock()
        if now_s - self._looked_s < self.config.every_s:
            return
        self._looked_s = now_s
        load = await read()
        if load is not None:
            self.learn(load)
            self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self.under_way < self.limit:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():  # else it was cancelled
                self.under_way += 1
                place.set_result(None)
        self.is_short = self.is_short or any(not place.done() for _, _, place in self._waiting)


@dataclass(frozen=True, slots=True)
class AdmittedDiscriminator:
    """A `Discriminator` whose requests are admitted first. `read`: what its server says of itself, None where it does not."""

    inner: Discriminator
    admission: Admission
    read: Callable[[], Awaitable[ServerLoad | None]]

    async def complete(
        self, prompt: str, max_tokens: int, *, regex: str | None = None, logprobs: int = 0
    ) -> Completion:
        """See `Discriminator.complete`."""
        async with self.admission.admitted(CHUNK.get()):
            reply = await self.inner.complete(prompt, max_tokens, regex=regex, logprobs=logprobs)
        await self.admission.look(self.read)
        return reply
