"""Routes of the algorithm service: category, attributes and titles of texts."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from jobs.services.algorithms_schema import ATTRIBUTES, CATEGORY, TITLES, text_schema
from jobs.services.algorithms_work import Algorithms
from jobs.services.http import ERROR_SCHEMA, JSON, Refused, answer, answer_metrics, documented, spend
from pipelines.apps.titles import titles
from schemas.derive import BadRecord, parse_record
from schemas.listing import Listing

MAX_LISTINGS = 16
COST = 50
"""Items of the lookup service that one recognised text counts as, for a key's rate."""


def _documented(schema: dict[str, Any], words: str) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of a route's answers and of its refusals."""
    found = documented(schema, words)
    for status, what in (
        (413, "a request too long"),
        (422, "a text that breaks the contract, with its place"),
        (503, "too many requests wait, or no model server answers: try again"),
    ):
        found[status] = {"description": what, "content": {JSON: {"schema": ERROR_SCHEMA}}}
    return found


class TextsRequest(BaseModel):
    """Listings of the interchange form; `item_id` may be left out. What they say is data and nothing else."""

    listings: list[dict[str, Any]] = Field(
        min_length=1, max_length=MAX_LISTINGS, json_schema_extra={"items": text_schema()}
    )


router = APIRouter(prefix="/v1/algorithms")
health = APIRouter()


@router.post("/category", responses=_documented(CATEGORY, "The category of each text, same order."))
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


@router.post("/attributes", responses=_documented(ATTRIBUTES, "The facts of each text, same order."))
async def attributes(request: Request, asked: TextsRequest) -> Response:
    """Recognise the attributes of each text, with the words that support them."""
    found = await _of(request).recognise(_of(request).attributes, _listings(request, asked))
    answers = [asdict(one) | {"ontology_version": _of(request).attributes.ontology_version} for one in found]
    return answer(orjson.dumps({"answers": answers}))


@router.post("/titles", responses=_documented(TITLES, "A short and a long title of each text, same order."))
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
