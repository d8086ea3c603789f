"""Opens the text model that discriminates: one server, or a fleet of replicas, each given as much at once as it can take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
from pipelines.reduction.router import RoutedDiscriminator

LOOK_S = 2.0


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
    bounds = AdmissionConfig(first=config.concurrency)
    at_once = bounds.most if admits else config.concurrency
    clients = {
        url: CompletionClient(url, timeout_s=config.request_timeout_s, concurrency=at_once)
        for url in replicas_of(config.discriminator_url)
    }
    asked: dict[str, Discriminator] = {
        url: AdmittedDiscriminator(client, Admission(bounds), _look(url)) if admits else client
        for url, client in clients.items()
    }

    async def close() -> None:
        for client in clients.values():
            await client.close()

    one = next(iter(asked.values())) if len(asked) == 1 else RoutedDiscriminator(asked)
    return TextModel(one, close)


async def text_model_id(config: RecogniserConfig) -> str:
    """Which model the replicas serve. Errors: ModelMismatch where they differ; InferenceError."""
    found = {}
    for url in replicas_of(config.discriminator_url):
        async with CompletionClient(url, timeout_s=config.request_timeout_s) as client:
            found[url] = await client.model_id()
    if len(set(found.values())) > 1:
        raise ModelMismatch(f"replicas serve different models: {found}: start all with the same one")
    return next(iter(found.values()))


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
