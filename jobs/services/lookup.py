"""The lookup service: items and ontology over HTTP, from the key-value store that `jobs.services.lookup_consumer` keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from infra.http_guard import Guard, HttpMetrics
from infra.http_keys import ApiKey
from jobs.services import lookup_health, lookup_items, lookup_ontology, lookup_rows
from jobs.services.http import new_app
from jobs.services.lookup_health import FollowerMetrics
from jobs.services.lookup_items import ItemLimits, ItemRoutes
from jobs.services.ontologies import Ontologies
from pipelines.tunnel.store_knowledge import KnowledgeStore

ABOUT = (
    "What is known of items: facts with the words that support them, confidence, and what computed them. Whole numbers may "
    "have 63 bits (`version`): read them as such."
)


@dataclass(frozen=True, slots=True)
class LookupConfig:
    """How the service answers. `follows`: whether a consumer keeps the store up to date, which readiness then asks for."""

    limits: ItemLimits = field(default_factory=ItemLimits)
    max_body_bytes: int = 256 * 1024
    follows: bool = True


def now_s() -> float:
    """A clock that never goes back, for rates."""
    return time.monotonic()


def now_ms() -> int:
    """The time in Unix ms."""
    return time.time_ns() // 1_000_000


def lookup_app(
    store: KnowledgeStore,
    ontologies: Ontologies,
    keys: Sequence[ApiKey],
    config: LookupConfig,
    clock_ms: Callable[[], int] = now_ms,
) -> FastAPI:
    """The application. Every route but health, metrics and OpenAPI needs a key."""
    app = new_app("AI item center: lookup", ABOUT)
    registry = CollectorRegistry()
    registry.register(FollowerMetrics(store, clock_ms, config.follows))
    app.state.items = ItemRoutes(store, config.limits)
    app.state.ontologies = ontologies
    app.state.registry = registry
    app.state.follows = config.follows
    app.state.now_ms = clock_ms
    app.state.now_s = now_s
    app.include_router(lookup_items.router)
    app.include_router(lookup_rows.router)
    app.include_router(lookup_ontology.router)
    app.include_router(lookup_health.router)
    app.add_middleware(Guard, keys=keys, metrics=HttpMetrics(registry), max_body_bytes=config.max_body_bytes)
    return app
