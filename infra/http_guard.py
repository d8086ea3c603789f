"""What stands before every route of a service: keys, rates, sizes, and the count of it all. Plain ASGI, for speed."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, Counter, Histogram

from infra.http_keys import ApiKey, find_key

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
"""What needs no key: it tells nothing of items. Bind the service to a private address."""
BUCKETS_S = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
CALLER = "aiic.caller"


class TooLarge(Exception):
    """A request's body is longer than the service takes."""


@dataclass(slots=True)
class Caller:
    """A key and its token bucket. `left` tokens as of `at_s`."""

    key: ApiKey
    left: float
    at_s: float

    def wait_s(self, cost: float, now_s: float) -> float:
        """Take `cost` tokens and return 0, or take none and return how long to wait."""
        self.left = min(self.key.burst, self.left + (now_s - self.at_s) * self.key.items_per_s)
        self.at_s = now_s
        if self.left >= cost:
            self.left -= cost
            return 0.0
        return (cost - self.left) / self.key.items_per_s


class HttpMetrics:
    """Counts of requests, on a registry of the service's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "aiic_http_requests_total",
            "Requests by route and status.",
            ["route", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "aiic_http_seconds",
            "Time in the service by route.",
            ["route"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.refused = Counter(
            "aiic_http_refused_total",
            "Requests refused before a route, by reason.",
            ["reason"],
            registry=registry,
        )


@dataclass
class Guard:
    """Lets through who has a key, within its rate and the size limit. One of these for all requests."""

    app: App
    keys: Sequence[ApiKey]
    metrics: HttpMetrics
    max_body_bytes: int
    now_s: Callable[[], float] = time.monotonic
    callers: dict[str, Caller] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began_s, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._let_through(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - began_s)

    async def _let_through(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if scope["path"] not in OPEN_PATHS:
            key = find_key(self.keys, _presented(headers))
            if key is None:
                await self._refuse(send, 401, "unauthorized", "give a key: Authorization: Bearer KEY")
                return
            caller = self._caller(key)
            wait_s = caller.wait_s(1, self.now_s())
            if wait_s:
                await self._refuse(send, 429, "rate", f"too many items a second: wait {wait_s:.2f} s", wait_s)
                return
            scope[CALLER] = caller
        stated = headers.get(b"content-length", b"0")
        if stated.isdigit() and int(stated) > self.max_body_bytes:
            await self._refuse(send, 413, "too_large", f"a request has at most {self.max_body_bytes:,} bytes")
            return
        body = _Body(receive, self.max_body_bytes)
        began = False

        async def sent(message: Message) -> None:
            nonlocal began
            # Whatever the application makes of a body that was cut off, the caller is told why.
            if began or not body.too_long:
                began = True
                await send(message)

        try:
            await self.app(scope, body.receive, sent)
        except TooLarge:
            if began:
                raise
        if body.too_long and not began:
            await self._refuse(send, 413, "too_large", f"a request has at most {self.max_body_bytes:,} bytes")

    def _caller(self, key: ApiKey) -> Caller:
        if key.name not in self.callers:
            self.callers[key.name] = Caller(key, key.burst, self.now_s())
        return self.callers[key.name]

    async def _refuse(self, send: Send, status: int, reason: str, words: str, wait_s: float = 0.0) -> None:
        self.metrics.refused.labels(reason).inc()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if wait_s:
            headers.append((b"retry-after", b"%d" % max(1, round(wait_s + 0.5))))
        body = orjson.dumps({"error": reason, "detail": words})
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _presented(headers: dict[bytes, bytes]) -> str:
    """The key of a request: a bearer token, or X-API-Key."""
    kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if kind.lower() == "bearer" and token:
        return token.strip()
    return headers.get(b"x-api-key", b"").decode("latin-1").strip()


class _Body:
    """A request's body, until it is too long: it may come in pieces without saying its length."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most, self._read = receive, most, 0

    @property
    def too_long(self) -> bool:
        return self._read > self._most

    async def receive(self) -> Message:
        """The next piece. Errors: TooLarge."""
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self.too_long:
            raise TooLarge
        return message
