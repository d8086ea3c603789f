"""Routes of items: by id, many at once, by category, as of a time, and their history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from jobs.services import lookup_schema as schema
from jobs.services.http import Refused, answer, documented, spend
from pipelines.tunnel.store import HistoryGone
from pipelines.tunnel.store_knowledge import BadCursor, KnowledgeStore
from schemas.moment import time_ms

T = TypeVar("T")
MAX_ID = 200
ItemId = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
AsOf = Annotated[
    str | None,
    Query(alias="as_of", max_length=40, description="ISO 8601 time or Unix ms: the answer of that moment"),
]


@dataclass(frozen=True, slots=True)
class ItemLimits:
    """How much one request may ask for."""

    max_ids: int = 500
    max_page: int = 500


@dataclass(frozen=True, slots=True)
class ItemRoutes:
    """What the routes of items work with."""

    store: KnowledgeStore
    limits: ItemLimits


class BatchRequest(BaseModel):
    """Ids of items, in any order; repeated ones are answered once each time."""

    ids: list[ItemId] = Field(min_length=1, max_length=10_000)
    as_of: str | None = Field(default=None, max_length=40)


router = APIRouter()


@router.get(
    "/v1/items/{item_id:path}/history", responses=documented(schema.HISTORY, "Every row that was in force.")
)
async def item_history(
    request: Request,
    item_id: Annotated[str, Path(min_length=1, max_length=MAX_ID)],
    attr: Annotated[str | None, Query(max_length=MAX_ID)] = None,
) -> Response:
    """Why we say this: each row of the item that was in force, with evidence and provenance, newest first."""
    spend(request, 9)
    found, exact_from_ms = await _look(request, lambda store: store.history(item_id, attr))
    if not found:
        raise Refused(404, "unknown_item", "nothing was ever known of this item or attribute")
    return answer(orjson.dumps({"item_id": item_id, "exact_from_ms": exact_from_ms, "history": found}))


@router.get("/v1/items/{item_id:path}", responses=documented(schema.ITEM, "What is known of the item."))
async def item(
    request: Request, item_id: Annotated[str, Path(min_length=1, max_length=MAX_ID)], as_of: AsOf = None
) -> Response:
    """One item, now or at a time. 404: nothing is known of it; 410: the history does not reach back so far."""
    [view] = await _views(request, [item_id], as_of)
    if view is None:
        raise Refused(
            404, "unknown_item", "nothing is known of this item" + (" at that time" if as_of else "")
        )
    return answer(view)


@router.post(
    "/v1/items:batch", responses=documented(schema.BATCH, "What is known of the items, in the order asked.")
)
async def items(request: Request, asked: BatchRequest) -> Response:
    """Many items at once; ids that nothing is known of come under `missing`."""
    limits: ItemLimits = request.app.state.items.limits
    if len(asked.ids) > limits.max_ids:
        raise Refused(422, "too_many_ids", f"{len(asked.ids)} ids, at most {limits.max_ids} in one request")
    spend(request, len(asked.ids) - 1)
    views = await _views(request, asked.ids, asked.as_of)
    missing = [item_id for item_id, view in zip(asked.ids, views, strict=True) if view is None]
    return answer(_join(b'{"items":[', views, b'],"missing":' + orjson.dumps(missing) + b"}"))


@router.get("/v1/categories/{category_id:path}/items", responses=documented(schema.PAGE, "A page of items."))
async def category_items(
    request: Request,
    category_id: Annotated[str, Path(min_length=1, max_length=MAX_ID)],
    cursor: Annotated[str | None, Query(max_length=800, description="of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ids_only: Annotated[bool, Query(description="without the items themselves")] = False,
) -> Response:
    """Items that are in a category now, in the order of their ids; `cursor` is null after the last."""
    count = min(limit, request.app.state.items.limits.max_page)
    spend(request, count - 1)
    try:
        ids, following = await _look(request, lambda store: store.category(category_id, cursor, count))
    except BadCursor as error:
        raise Refused(400, "bad_cursor", str(error)) from error
    views = [] if ids_only else await _look(request, lambda store: store.views(ids))
    head = orjson.dumps({"category_id": category_id, "ids": ids, "cursor": following})
    return answer(_join(head[:-1] + b',"items":[', views, b"]}"))


async def _views(request: Request, item_ids: list[str], as_of: str | None) -> list[bytes | None]:
    if as_of is None:
        return await _look(request, lambda store: store.views(item_ids))
    moment_ms = _moment(as_of)
    spend(request, len(item_ids))
    try:
        # Beside the event loop, wherever the store is: history is read row by row, and other callers are not to wait for it.
        store: KnowledgeStore = request.app.state.items.store
        return await run_in_threadpool(lambda: [store.view_at(one, moment_ms) for one in item_ids])
    except HistoryGone as error:
        raise Refused(
            410, "history_gone", f"{error}; `aiic item --as-of` reads the table's own past"
        ) from error


async def _look(request: Request, work: Callable[[KnowledgeStore], T]) -> T:
    """Read the store: at once where that takes microseconds, beside the event loop where a server must be asked."""
    store: KnowledgeStore = request.app.state.items.store
    if store.kv.is_local:
        return work(store)
    return await run_in_threadpool(work, store)


def _moment(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text)
    try:
        # A plus sign of an offset arrives as a blank where the caller did not escape it.
        return time_ms(text.replace(" ", "+") if "T" in text else text)
    except ValueError as error:
        raise Refused(400, "bad_time", f"as_of: {error}, or Unix ms") from error


def _join(head: bytes, views: list[bytes | None], tail: bytes) -> bytes:
    return b"".join((head, b",".join([view for view in views if view is not None]), tail))
