"""HTTP to an inference server: bounded retries, timeouts, concurrency and reply size, typed errors."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from schemas.inference import BadReply, InferenceError, RequestRefused, ServerUnavailable

BUSY_STATUSES = (408, 425, 429)
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where a server is and how patiently it is asked. `api_key_env` names the variable that holds its key."""

    url: str
    model: str
    api_key_env: str = ""
    timeout_s: float = 120.0
    attempts: int = 5
    backoff_s: float = 0.5
    backoff_limit_s: float = 8.0
    concurrency: int = 8
    reply_limit_bytes: int = 64 << 20


class HttpServer:
    """JSON over HTTP to one server. Opens its connections on first use, one set per event loop; `close` ends them."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._slots: asyncio.Semaphore | None = None

    async def get(self, path: str) -> Any:
        """GET a JSON document. Errors: as `post`."""
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST a JSON body and return the JSON reply.

        Errors: RequestRefused at once on a 4xx; ServerUnavailable when every attempt failed to get an answer;
        BadReply when every attempt got one that is not JSON or over the size limit.
        """
        return await self._ask("POST", path, json.dumps(body).encode())

    async def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        session, self._session, self._loop = self._session, None, None
        if session is not None:
            await session.close()

    async def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        session, slots = await self._connections()
        failure: InferenceError = ServerUnavailable(f"{self.config.url}: no attempt was made")
        for attempt in range(max(1, self.config.attempts)):
            if attempt:
                await asyncio.sleep(self._pause_s(attempt))
            try:
                async with slots:
                    return await self._attempt(session, method, path, body)
            except RequestRefused:
                raise
            except InferenceError as error:
                failure = error
        raise failure

    async def _attempt(
        self, session: aiohttp.ClientSession, method: str, path: str, body: bytes | None
    ) -> Any:
        url = self.config.url.rstrip("/") + path
        try:
            async with session.request(
                method, url, data=body, headers=self._headers(), allow_redirects=False
            ) as reply:
                raw = await self._read(reply)
        except TimeoutError as error:
            raise ServerUnavailable(
                f"{url}: no answer within {self.config.timeout_s:g} s; is it overloaded?"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ServerUnavailable(
                f"{url}: {error or type(error).__name__}; is the server up? `./aiic status` tells, `./aiic up` starts it"
            ) from error
        self._check_status(url, reply.status, raw)
        try:
            return json.loads(raw)
        except ValueError as error:
            raise BadReply(f"{url}: reply is not JSON: {_shown(raw)}") from error

    async def _read(self, reply: aiohttp.ClientResponse) -> bytes:
        raw = bytearray()
        async for chunk in reply.content.iter_chunked(CHUNK_BYTES):
            raw += chunk
            if len(raw) > self.config.reply_limit_bytes:
                raise BadReply(f"{reply.url}: reply is over {self.config.reply_limit_bytes} bytes")
        return bytes(raw)

    @staticmethod
    def _check_status(url: str, status: int, raw: bytes) -> None:
        if status < 300:
            return
        if status >= 500 or status in BUSY_STATUSES:
            raise ServerUnavailable(f"{url}: HTTP {status}: {_shown(raw)}")
        raise RequestRefused(f"{url}: HTTP {status}: {_shown(raw)}")

    def _pause_s(self, attempt: int) -> float:
        """Exponential, with jitter so that many workers do not come back at once."""
        longest = min(self.config.backoff_limit_s, self.config.backoff_s * 2.0 ** (attempt - 1))
        return longest * random.uniform(0.5, 1.0)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        name = self.config.api_key_env
        if name:
            key = os.environ.get(name)
            if not key:
                raise RequestRefused(
                    f"{self.config.url}: environment variable {name}, which must hold its key, is not set"
                )
            headers["Authorization"] = f"Bearer {key}"
        return headers

    async def _connections(self) -> tuple[aiohttp.ClientSession, asyncio.Semaphore]:
        loop = asyncio.get_running_loop()
        if self._session is None or self._slots is None or self._loop is not loop:
            await self.close()
            self._loop = loop
            self._slots = asyncio.Semaphore(max(1, self.config.concurrency))
            timeout = aiohttp.ClientTimeout(total=self.config.timeout_s)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        return self._session, self._slots


def _shown(raw: bytes) -> str:
    """The beginning of a reply, for a message."""
    return ascii(raw[:200].decode("utf-8", "replace"))
