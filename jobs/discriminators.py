"""Opens the text model that discriminates: one server, or a fleet of replicas, each given as much at once as it can take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infra.http_look import NoAnswer, get_text
from infra.vllm import CompletionClient
from pipelines.library.discriminate import Discriminator
from pipelines.library.recogniser import RecogniserConfig
from pipelines.ontology.errors import ModelMismatch
from pipelines.reduction.admission import (
    Admission,
    AdmissionConfig,
    AdmittedDiscriminator,
    ServerLoad,
    server_load,
)
from pipelines.reduction.router import Outs, RoutedDiscriminator, UnlessOut
from schemas.inference import ServerUnavailable

LOOK_S = 0.5
MOST_AT_ONCE = 64
ATTEMPTS_EACH = 2
"""Of several replicas: another one is asked sooner than the same one a third time."""


@dataclass(frozen=True, slots=True)
class TextModel:
    """What answers, and how to end it."""

    discriminator: Discriminator
    close: Callable[[], Awaitable[None]]


def replicas_of(url: str) -> tuple[str, ...]:
    """The addresses that `discriminator_url` holds, commas between. Errors: ValueError for none, or one twice.

    >>> replicas_of("http://a:1/v1, http://b:1/v1/")
    ('http://a:1/v1', 'http://b:1/v1')
    """
    found = tuple(one.strip().rstrip("/") for one in url.split(",") if one.strip())
    if not found or len(set(found)) != len(found):
        raise ValueError(f"discriminator {url!r}: give at least one address, each once, commas between")
    return found


def open_text_model(config: RecogniserConfig, admits: bool = False) -> TextModel:
    """Clients of all replicas, a family's prompts to one of them (L5).

    `admits`: as many requests at once as each server says it can take (L6), else `config.concurrency` to each.
    """
    # Where none is asked, none need be named.
    urls = (
        replicas_of(config.discriminator_url)
        if config.discriminator != "off"
        else (config.discriminator_url,)
    )
    bounds = AdmissionConfig(first=max(1, config.concurrency), most=max(MOST_AT_ONCE, config.concurrency))
    at_once = bounds.most if admits else config.concurrency
    outs = Outs()
    clients = {
        url: CompletionClient(url, timeout_s=config.request_timeout_s, concurrency=at_once, **_patience(urls))
        for url in urls
    }
    asked: dict[str, Discriminator] = dict(clients)
    if len(urls) > 1:
        asked = {
            url: UnlessOut(client, url, [other for other in urls if other != url], outs)
            for url, client in clients.items()
        }
    if admits:
        asked = {url: AdmittedDiscriminator(one, Admission(bounds), _look(url)) for url, one in asked.items()}

    async def close() -> None:
        for client in clients.values():
            await client.close()

    one = next(iter(asked.values())) if len(asked) == 1 else RoutedDiscriminator(asked, outs=outs)
    return TextModel(one, close)


async def text_model_id(config: RecogniserConfig) -> str:
    """Which model the replicas serve that can be reached. Errors: ModelMismatch where they differ; InferenceError."""
    urls = replicas_of(config.discriminator_url)
    found = {}
    for url in urls:
        try:
            async with CompletionClient(url, timeout_s=config.request_timeout_s, **_patience(urls)) as client:
                found[url] = await client.model_id()
        except ServerUnavailable:
            if url == urls[-1] and not found:
                raise
    if len(set(found.values())) > 1:
        raise ModelMismatch(f"replicas serve different models: {found}: start all with the same one")
    return next(iter(found.values()))


def _patience(urls: Sequence[str]) -> dict[str, Any]:
    return {"attempts": ATTEMPTS_EACH} if len(urls) > 1 else {}


def load_of(url: str) -> ServerLoad | None:
    """What the server at an API address says of itself; None where it does not."""
    try:
        return server_load(get_text(f"{url.rstrip('/').removesuffix('/v1')}/metrics", LOOK_S))
    except (NoAnswer, ValueError):
        return None


def _look(url: str) -> Callable[[], Awaitable[ServerLoad | None]]:
    async def look() -> ServerLoad | None:
        return await asyncio.to_thread(load_of, url)

    return look
