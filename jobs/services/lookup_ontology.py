"""Routes of the ontology: categories, keys and values by id, and versions. Answers come from the released version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from jobs.services.http import Refused, answer, documented
from jobs.services.ontologies import Ontologies, OntologyView
from pipelines.ontology.errors import OntologyError

Name = Annotated[str, Path(max_length=100)]
Id = Annotated[str, Path(min_length=1, max_length=300)]
VersionName = Annotated[
    str | None, Query(max_length=100, alias="version", description="another than the released one")
]
ANY: dict[str, Any] = {"type": "object"}

router = APIRouter(prefix="/v1/ontology")


@router.get("", responses=documented(ANY, "Names of all ontologies."))
async def ontologies(request: Request) -> Response:
    """Names of all ontologies."""
    return answer(orjson.dumps({"ontologies": await run_in_threadpool(_of(request).names)}))


@router.get("/{name}/versions", responses=documented(ANY, "All versions, newest first."))
async def versions(request: Request, name: Name) -> Response:
    """All versions of an ontology, newest first, and which one is released."""
    found, released = await _asked(lambda: _of(request).versions(name))
    entries = [
        {field: asdict(one)[field] for field in ("version", "number", "parent", "created_ms", "counts")}
        for one in found
    ]
    return answer(orjson.dumps({"ontology": name, "released": released, "versions": entries}))


@router.get("/{name}/categories/{category_id:path}", responses=documented(ANY, "The category."))
async def category(request: Request, name: Name, category_id: Id, version: VersionName = None) -> Response:
    """A category with its path, what is below it, and the keys its items are asked for."""
    return await _found(request, name, version, lambda view: view.category(category_id), "category")


@router.get("/{name}/keys/{key_id:path}", responses=documented(ANY, "The key."))
async def key(
    request: Request,
    name: Name,
    key_id: Id,
    category: Annotated[str | None, Query(max_length=200, description="with its values there")] = None,
    version: VersionName = None,
) -> Response:
    """A key in all its categories, or in one, there with its values."""
    return await _found(request, name, version, lambda view: view.key(key_id, category), "key")


@router.get("/{name}/values/{value_id:path}", responses=documented(ANY, "The value."))
async def value(request: Request, name: Name, value_id: Id, version: VersionName = None) -> Response:
    """A value by the id that facts carry, and the categories and keys that use it."""
    return await _found(request, name, version, lambda view: view.value(value_id), "value")


def _of(request: Request) -> Ontologies:
    found: Ontologies = request.app.state.ontologies
    return found


async def _found(
    request: Request,
    name: str,
    version: str | None,
    look: Callable[[OntologyView], dict[str, Any] | None],
    what: str,
) -> Response:
    found = await _asked(lambda: look(_of(request).view(name, version)))
    if found is None:
        raise Refused(404, f"unknown_{what}", f"this version of {name} has no such {what}")
    return answer(orjson.dumps(found))


async def _asked(work: Callable[[], Any]) -> Any:
    """Read beside the event loop: the first look at a version loads it."""
    try:
        return await run_in_threadpool(work)
    except OntologyError as error:
        raise Refused(404, "unknown_ontology", str(error)) from error
