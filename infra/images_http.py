"""Images from http(s) addresses that strangers wrote: only from named hosts, never from inside our own network.

Every address that a name resolves to is checked by the resolver of the very connection (a name that answers differently
the second time gains nothing), each redirect is checked anew, no cookies, credentials or proxies take part, and size and
time are bounded.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from schemas.image import ImageRefused, ImageSettings

SCHEMES = ("http", "https")
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 3
GONE = (404, 410)
CHUNK_BYTES = 1 << 16
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "aiic-image-reader"}


class _Private(OSError):
    """A name that resolves to an address of our own network."""


class ImageHttp:
    """Fetches the bytes of images. Opens its connections on first use, one set per event loop; `close` ends them."""

    def __init__(self, settings: ImageSettings) -> None:
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, address: str) -> bytes:
        """The body of an image's address.

        Errors: ImageRefused (bad_address, host_not_allowed, private_address, not_found, http_status, redirect_loop,
        too_large, timeout, unreachable).
        """
        url = _url(address)
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                for _ in range(MOST_REDIRECTS + 1):
                    found = await self._one(url)
                    if isinstance(found, bytes):
                        return found
                    url = found
        except TimeoutError as error:
            raise ImageRefused("timeout", f"{url} took over {self._settings.timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, ImageRefused):
                raise
            raise ImageRefused(_reason(error), f"{url}: {error or type(error).__name__}") from error
        raise ImageRefused("redirect_loop", f"{url}: more than {MOST_REDIRECTS} redirects")

    async def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        session, self._session, self._loop = self._session, None, None
        if session is not None:
            await session.close()

    async def _one(self, url: URL) -> bytes | URL:
        """The body, or where the server sends us instead."""
        self._check_host(url)
        session = await self._connections()
        async with session.get(url, headers=HEADERS, allow_redirects=False) as reply:
            if reply.status in REDIRECTS:
                return _url(str(url.join(URL(reply.headers.get("Location", "")))))
            if reply.status in GONE:
                raise ImageRefused("not_found", f"{url}: HTTP {reply.status}")
            if reply.status != 200:
                raise ImageRefused("http_status", f"{url}: HTTP {reply.status}")
            return await self._body(url, reply)

    async def _body(self, url: URL, reply: aiohttp.ClientResponse) -> bytes:
        limit = self._settings.max_bytes
        raw = bytearray()
        async for chunk in reply.content.iter_chunked(CHUNK_BYTES):
            raw += chunk
            if len(raw) > limit:
                raise ImageRefused("too_large", f"{url} has over {limit} bytes")
        return bytes(raw)

    def _check_host(self, url: URL) -> None:
        """Refuse a host that is not allowed, or that is itself a private address."""
        host = (url.host or "").lower().rstrip(".")
        if not _named(host, self._settings.hosts):
            allowed = ", ".join(self._settings.hosts) or "none"
            raise ImageRefused("host_not_allowed", f"{url}: allowed are {allowed} (AIIC_IMAGE_HOSTS)")
        if url.port not in (80, 443) and not _named(host, self._settings.private_hosts):
            raise ImageRefused("host_not_allowed", f"{url}: port {url.port} is not 80 or 443")
        if _is_address(host) and not self._may_connect(host, host):
            raise ImageRefused("private_address", f"{url} is inside our own network")

    def _may_connect(self, host: str, address: str) -> bool:
        return is_public(address) or _named(host, self._settings.private_hosts)

    async def _connections(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            await self.close()
            self._loop = loop
            connector = aiohttp.TCPConnector(
                limit=self._settings.concurrency, resolver=_Checked(self._may_connect), use_dns_cache=False
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session


class _Checked(AbstractResolver):
    """Resolves names, and refuses those that lead to an address of our own network."""

    def __init__(self, may_connect: Any) -> None:
        self._may_connect = may_connect

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of a host; a single private one among them refuses the host."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results: list[ResolveResult] = []
        for kind, _, protocol, _, where in found:
            if not self._may_connect(host.lower().rstrip("."), where[0]):
                raise _Private(f"{host} resolves to {where[0]}, inside our own network")
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(where[0]),
                    port=port,
                    family=kind,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing to close."""


def is_public(address: str) -> bool:
    """Whether an IP address is reached over the public internet; forms that carry an IPv4 address count as it.

    >>> [is_public(a) for a in ("1.1.1.1", "10.0.0.1", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "::1")]
    [True, False, False, False, False, False]
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast and not found.is_reserved


def _url(address: str) -> URL:
    """Parse an address. Errors: ImageRefused for one that is no plain http(s) address."""
    try:
        url = URL(address)
    except ValueError as error:
        raise ImageRefused("bad_address", f"{address[:80]!a}: {error}") from error
    if url.scheme not in SCHEMES or not url.host:
        raise ImageRefused("bad_address", f"{address[:80]!a} is no http(s) address")
    if url.user is not None or url.password is not None:
        raise ImageRefused("bad_address", f"{url.host}: an address with credentials is not followed")
    return url


def _named(host: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(host, pattern.lower()) for pattern in patterns)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _reason(error: Exception) -> str:
    """A name that leads inside is told apart from an address that is none and from a server that is away."""
    if isinstance(error, aiohttp.InvalidURL):
        return "bad_address"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _Private):
            return "private_address"
        cause = getattr(cause, "os_error", None) or cause.__cause__
    return "unreachable"
