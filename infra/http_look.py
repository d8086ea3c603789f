"""A look at a page of another process: its text, or its JSON, within a time; nothing else."""

from __future__ import annotations

import json
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

MAX_BYTES = 16 << 20


class NoAnswer(ConnectionError):
    """Nobody answers at an address, or not as expected. The message says where and how."""


def get_text(url: str, timeout_s: float, *, any_status: bool = False) -> str:
    """The page at `url`. `any_status`: take what an error's page says, too. Errors: NoAnswer."""
    # Without a proxy: what is looked at is on this machine or in this cluster.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout_s) as reply:
            return str(reply.read(MAX_BYTES).decode("utf-8", "replace"))
    except HTTPError as error:
        if any_status:
            return str(error.read(MAX_BYTES).decode("utf-8", "replace"))
        raise NoAnswer(f"{url} answers {error.code}") from error
    except (OSError, ValueError, HTTPException) as error:
        raise NoAnswer(f"nobody answers at {url}") from error


def get_json(url: str, timeout_s: float, *, any_status: bool = False) -> Any:
    """The JSON at `url`. Errors: NoAnswer."""
    text = get_text(url, timeout_s, any_status=any_status)
    try:
        return json.loads(text)
    except ValueError as error:
        raise NoAnswer(f"{url} answers something that is not JSON") from error
