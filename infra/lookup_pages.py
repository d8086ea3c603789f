"""All rows of a lookup service, page by page over HTTP."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

TIMEOUT_S = 30.0
TRIES = 30
PAGE_ITEMS = 500
UNREADY, TOO_FAST = 503, 429


class LookupUnavailable(ConnectionError):
    """The lookup service does not answer, refuses, or is not ready. The message says what to do."""


def require_ready(url: str) -> None:
    """Make sure that the service has caught up with its topics. Errors: LookupUnavailable with what keeps it."""
    try:
        _get(f"{url}/readyz", "")
    except urllib.error.HTTPError as error:
        raise LookupUnavailable(f"the lookup service at {url} is not ready: {_words(error)}") from error


def pages(
    url: str, key: str, marks: bool, sleep: Callable[[float], object] = time.sleep
) -> Iterator[list[Any]]:
    """Every row of the service at `url` (without a path): whole, or only its marks (item, attribute, version, digest).

    A key's rate limit is waited for. Errors: LookupUnavailable.
    """
    cursor: str | None = None
    while True:
        given = {"limit": str(PAGE_ITEMS), "marks": str(marks).lower()} | (
            {"cursor": cursor} if cursor else {}
        )
        found = _patiently(f"{url}/v1/rows?{urllib.parse.urlencode(given)}", key, sleep)
        yield found["rows"]
        cursor = found["cursor"]
        if cursor is None:
            return


def _patiently(address: str, key: str, sleep: Callable[[float], object]) -> Any:
    for _ in range(TRIES):
        try:
            return _get(address, key)
        except urllib.error.HTTPError as error:
            if error.code != TOO_FAST:
                raise LookupUnavailable(
                    f"the lookup service refuses {address}: {error.code}, {_words(error)}"
                ) from error
            sleep(float(error.headers.get("Retry-After") or 1))
    raise LookupUnavailable(f"the key's rate is too low to read all rows of {address}: raise items_per_s")


def _get(address: str, key: str) -> Any:
    request = urllib.request.Request(address, headers={"X-API-Key": key} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as reply:
            return json.loads(reply.read())
    except urllib.error.HTTPError:
        raise
    except (OSError, ValueError) as error:
        raise LookupUnavailable(
            f"no lookup service answers at {address.partition('?')[0]}: run `./aiic up --only lookup`, or give "
            f"another --store: {error}"
        ) from error


def _words(error: urllib.error.HTTPError) -> str:
    return error.read(1_000).decode("utf-8", "replace")
