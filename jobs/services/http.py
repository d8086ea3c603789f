"""What the services share: their errors as JSON, limits of a caller, bytes as answers, and metrics."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from infra.http_guard import CALLER, Caller

LOG = logging.getLogger("aiic.http")
JSON = "application/json"
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "detail": {"type": "string"}},
    "required": ["error", "detail"],
}


class Refused(Exception):
    """A request that cannot be answered: status, short code, and what was wrong in words."""

    def __init__(self, status: int, code: str, words: str, wait_s: float = 0.0) -> None:
        super().__init__(words)
        self.status, self.code, self.words, self.wait_s = status, code, words, wait_s


async def nothing() -> None:
    """Nothing needs to be closed."""


def new_app(title: str, description: str, close: Callable[[], Awaitable[None]] = nothing) -> FastAPI:
    """An application whose errors are all {"error": code, "detail": words}; no page of it loads from elsewhere.

    `close` is called after its last request.
    """

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await close()

    app = FastAPI(
        title=title, description=description, version="1", docs_url=None, redoc_url=None, lifespan=life
    )

    @app.exception_handler(Exception)
    async def broken(_request: Request, _error: Exception) -> Response:
        # The log has the error; a stranger is told nothing of it.
        return answer_error(500, "internal", "the service has failed at this request")

    @app.exception_handler(RedisError)
    async def no_store(_request: Request, error: RedisError) -> Response:
        LOG.warning("the store does not answer: %s", error)
        return answer_error(503, "no_store", "the store does not answer: try again", {"retry-after": "5"})

    @app.exception_handler(Refused)
    async def refused(_request: Request, error: Refused) -> Response:
        headers = {"retry-after": str(max(1, round(error.wait_s + 0.5)))} if error.wait_s else None
        return answer_error(error.status, error.code, error.words, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        # The input itself is not repeated: it may be long, and it is a stranger's.
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return answer_error(422, "bad_request", f"{place}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> Response:
        return answer_error(error.status_code, "http", str(error.detail))

    return app


def answer(body: bytes) -> Response:
    """JSON that is bytes already."""
    return Response(body, media_type=JSON)


def answer_error(status: int, code: str, words: str, headers: dict[str, str] | None = None) -> Response:
    """An error as JSON."""
    return Response(orjson.dumps({"error": code, "detail": words}), status, headers, media_type=JSON)


def answer_metrics(registry: CollectorRegistry) -> Response:
    """All counts, as Prometheus reads them."""
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def spend(request: Request, more: int) -> None:
    """Charge the caller for more than the one item that every request counts. Errors: Refused (429)."""
    caller: Caller | None = request.scope.get(CALLER)
    if caller is None or more <= 0:
        return
    now_s = request.app.state.now_s()
    wait_s = caller.wait_s(more, now_s)
    if wait_s:
        raise Refused(429, "rate", f"too many items a second: wait {wait_s:.2f} s", wait_s)


def documented(schema: dict[str, Any], words: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a route's answers."""
    found: dict[int | str, dict[str, Any]] = {
        200: {"description": words, "content": {JSON: {"schema": schema}}}
    }
    for status, what in ((401, "no key, or an unknown one"), (429, "over the key's rate")):
        found[status] = {"description": what, "content": {JSON: {"schema": ERROR_SCHEMA}}}
    return found
