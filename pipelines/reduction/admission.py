"""How many requests a model server is given at once, by what it says of itself: running, waiting, KV memory (L6).

As TCP finds a line's width: one more while nothing waits and memory is free, three quarters of it when either fills up.
Source: paper section 4.3.3, "dynamically scheduled according to memory pressure"; the rule is ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pipelines.library.discriminate import Discriminator
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


@dataclass(frozen=True, slots=True)
class AdmissionConfig:
    """Bounds of the number of requests at once. `most_kv`: share of KV memory above which fewer are admitted."""

    least: int = 1
    most: int = 64
    first: int = 4
    most_waiting: float = 2.0
    most_kv: float = 0.9
    every_s: float = 0.5


@dataclass(slots=True)
class Admission:
    """Admits requests to one server. `limit` is how many at present. Belongs to one event loop."""

    config: AdmissionConfig
    limit: int = 0
    under_way: int = 0
    _free: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.limit = self.config.first

    def learn(self, load: ServerLoad) -> int:
        """The limit after the server said how it is."""
        if load.waiting > self.config.most_waiting or load.kv_used > self.config.most_kv:
            self.limit = max(self.config.least, self.limit * 3 // 4)
        elif self.under_way >= self.limit:
            self.limit = min(self.config.most, self.limit + 1)
        return self.limit

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Wait until there is room, and take it."""
        async with self._free:
            await self._free.wait_for(lambda: self.under_way < self.limit)
            self.under_way += 1
        try:
            yield
        finally:
            async with self._free:
                self.under_way -= 1
                self._free.notify_all()

    async def watch(self, read: Callable[[], Awaitable[ServerLoad]]) -> None:
        """Follow the server until cancelled. Errors: those of `read`."""
        while True:
            load = await read()
            async with self._free:
                self.learn(load)
                self._free.notify_all()
            await asyncio.sleep(self.config.every_s)


@dataclass(frozen=True, slots=True)
class AdmittedDiscriminator:
    """A `Discriminator` whose requests are admitted first."""

    inner: Discriminator
    admission: Admission

    async def complete(
        self, prompt: str, max_tokens: int, *, regex: str | None = None, logprobs: int = 0
    ) -> Completion:
        """See `Discriminator.complete`."""
        async with self.admission.admitted():
            return await self.inner.complete(prompt, max_tokens, regex=regex, logprobs=logprobs)
