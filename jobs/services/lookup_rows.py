"""The route of all rows of the store, tombstones included: what reconciliation compares with the table."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from jobs.services import lookup_schema as schema
from jobs.services.http import Refused, answer, documented, spend
from pipelines.tunnel.reconcile import mark_of
from pipelines.tunnel.store_knowledge import BadCursor, KnowledgeStore

router = APIRouter()


@router.get("/v1/rows", responses=documented(schema.ROWS, "A page of rows."))
async def rows(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=800, description="of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="items, not rows")] = 500,
    marks: Annotated[bool, Query(description="only item, attribute, version and digest of each row")] = False,
) -> Response:
    """Every row that the store holds, item by item, retired ones and markers included; `cursor` is null after the last."""
    store: KnowledgeStore = request.app.state.items.store
    count = min(limit, request.app.state.items.limits.max_page)
    spend(request, count - 1)
    try:
        # Beside the event loop, wherever the store is: a page of 500 items is no look-up.
        states, following = await run_in_threadpool(store.states_page, cursor, count)
    except BadCursor as error:
        raise Refused(400, "bad_cursor", str(error)) from error
    found = [row for state in states for row in state.rows.values()]
    body = {"rows": [tuple(mark_of(row)) for row in found] if marks else found, "cursor": following}
    return answer(await run_in_threadpool(orjson.dumps, body))
