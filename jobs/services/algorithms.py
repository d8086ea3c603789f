"""The algorithm service (T9): category, attributes and titles of texts that are in no catalog, by the same recognition."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter
from pydantic import BaseModel, Field

from infra.http_guard import Guard, HttpMetrics
from infra.http_keys import ApiKey, first_key, load_keys
from jobs.models import MODEL_ERRORS
from jobs.recogniser import default_config, open_recogniser
from jobs.released import find_release
from jobs.services.http import Refused, answer, answer_metrics, documented, new_app, spend
from jobs.services.lookup import now_s
from jobs.services.lookup_settings import LookupSettings
from jobs.services.serve import run_http
from pipelines.apps.titles import titles
from pipelines.library.answers import ItemAnswers, Usage
from pipelines.library.recogniser import Recogniser
from pipelines.ontology.active import active
from pipelines.ontology.errors import OntologyError
from pipelines.ontology.snapshot import Snapshot
from pipelines.ontology.store import OntologyStore
from pipelines.tunnel.store_knowledge import StoreError
from schemas.derive import BadRecord, parse_record
from schemas.inference import InferenceError
from schemas.listing import Listing

LOG = logging.getLogger("aiic.algorithms")
MAX_BODY_BYTES = 1 << 20
MAX_LISTINGS = 16
COST = 50
"""Items of the lookup service that one recognised text counts as, for a key's rate."""
RECOGNISED: dict[str, Any] = {"type": "object"}


@dataclass
class Algorithms:
    """What the routes work with. `at_once` requests are computed together, `waiting` more may queue."""

    attributes: Recogniser
    category: Recogniser
    snapshot: Snapshot
    pairs: Counter
    at_once: int = 2
    waiting: int = 16
    timeout_s: float = 60.0
    _turn: asyncio.Semaphore = field(init=False)
    _inside: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._turn = asyncio.Semaphore(self.at_once)

    async def recognise(self, recogniser: Recogniser, listings: Sequence[Listing]) -> list[ItemAnswers]:
        """Answers of listings, same order. Errors: Refused (503) when too many wait, or no model server answers."""
        if self._inside >= self.at_once + self.waiting:
            raise Refused(503, "busy", "too many requests wait: try again", 5.0)
        self._inside += 1
        try:
            async with asyncio.timeout(self.timeout_s), self._turn:
                found, usage = await recogniser.recognise(listings)
        except TimeoutError as error:
            raise Refused(
                503, "timeout", f"no answer in {self.timeout_s:g} s: send fewer texts", 5.0
            ) from error
        except InferenceError as error:
            LOG.warning("%s", error)
            raise Refused(503, "no_model", "a model server does not answer: try again", 5.0) from error
        finally:
            self._inside -= 1
        self._count(usage)
        return found

    def _count(self, usage: Usage) -> None:
        for method, count in usage.pairs.items():
            self.pairs.labels(method).inc(count)


class TextsRequest(BaseModel):
    """Listings of the interchange form; `item_id` may be left out. What they say is data and nothing else."""

    listings: list[dict[str, Any]] = Field(
        min_length=1, max_length=MAX_LISTINGS, json_schema_extra={"items": {"type": "object"}}
    )


router = APIRouter(prefix="/v1/algorithms")
health = APIRouter()


@router.post("/category", responses=documented(RECOGNISED, "The category of each text, same order."))
async def category(request: Request, asked: TextsRequest) -> Response:
    """Predict the category of each text, whatever category it states."""
    listings = [replace(one, category_id=None) for one in _listings(request, asked)]
    found = await _of(request).recognise(_of(request).category, listings)
    answers = [
        {
            "item_id": one.item_id,
            "category_id": one.category_id,
            "confidence": round(one.category_confidence, 4),
        }
        for one in found
    ]
    return answer(orjson.dumps({"answers": answers}))


@router.post("/attributes", responses=documented(RECOGNISED, "The facts of each text, same order."))
async def attributes(request: Request, asked: TextsRequest) -> Response:
    """Recognise the attributes of each text, with the words that support them."""
    found = await _of(request).recognise(_of(request).attributes, _listings(request, asked))
    answers = [asdict(one) | {"ontology_version": _of(request).attributes.ontology_version} for one in found]
    return answer(orjson.dumps({"answers": answers}))


@router.post(
    "/titles", responses=documented(RECOGNISED, "A short and a long title of each text, same order.")
)
async def make_titles(request: Request, asked: TextsRequest) -> Response:
    """Put titles together from what is recognised; each part names what supports it."""
    service, listings = _of(request), _listings(request, asked)
    found = await service.recognise(service.attributes, listings)
    answers = [
        {
            "item_id": one.item_id,
            "category_id": one.category_id,
            **asdict(titles(listing, one, service.snapshot)),
        }
        for listing, one in zip(listings, found, strict=True)
    ]
    return answer(orjson.dumps({"answers": answers}))


@health.get("/healthz")
@health.get("/readyz")
async def alive() -> Response:
    """Alive, and with all models open: it begins to answer only then."""
    return answer(b'{"status":"ready"}')


@health.get("/metrics")
async def metrics(request: Request) -> Response:
    """Counts for Prometheus."""
    return answer_metrics(request.app.state.registry)


def algorithms_app(service: Algorithms, keys: Sequence[ApiKey], registry: CollectorRegistry) -> FastAPI:
    """The application over opened recognisers."""
    app = new_app(
        "AI item center: algorithms", "Category, attributes and titles of texts that are in no catalog."
    )
    app.state.algorithms, app.state.registry, app.state.now_s = service, registry, now_s
    app.include_router(router)
    app.include_router(health)
    app.add_middleware(Guard, keys=keys, metrics=HttpMetrics(registry), max_body_bytes=MAX_BODY_BYTES)
    return app


def serve_algorithms(settings: LookupSettings, ontology: str, discriminator: str = "cascade") -> int:
    """Open models and serve until interrupted. Errors: KeysError, StoreError where models or ontology are missing."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    first_key(settings.keys_file, settings.secret_file)
    registry = CollectorRegistry()
    pairs = Counter(
        "aiic_pairs_total", "Item x key pairs answered, by method.", ["method"], registry=registry
    )
    try:
        config = default_config(find_release(settings.warehouse, ontology), discriminator)
        recogniser = open_recogniser(config)
        plain = open_recogniser(replace(config, discriminator="off"))
        snapshot = active(OntologyStore(settings.warehouse, ontology).read(recogniser.ontology_version))
    except (OntologyError, InferenceError, *MODEL_ERRORS) as error:
        raise StoreError(str(error)) from error
    app = algorithms_app(
        Algorithms(recogniser, plain, snapshot, pairs), load_keys(settings.keys_file), registry
    )
    LOG.info(
        "algorithms at http://%s:%s over %s (pid %s)", settings.host, settings.port, ontology, os.getpid()
    )
    run_http(app, settings.host, settings.port)
    return 0


def _of(request: Request) -> Algorithms:
    found: Algorithms = request.app.state.algorithms
    return found


def _listings(request: Request, asked: TextsRequest) -> list[Listing]:
    """The listings of a request. Errors: Refused (422) naming the first that breaks the contract, 429."""
    spend(request, COST * len(asked.listings) - 1)
    found = []
    for number, mapping in enumerate(asked.listings):
        try:
            found.append(parse_record(Listing, {"item_id": f"text-{number + 1}"} | mapping))
        except BadRecord as error:
            raise Refused(422, error.reason, f"listings[{number}].{error.field}: {error.detail}") from error
    return found
