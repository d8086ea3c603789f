"""Routes that tell how the lookup service is: alive, ready, and its counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import orjson
from fastapi import APIRouter, Request, Response
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis.exceptions import RedisError
from starlette.concurrency import run_in_threadpool

from jobs.services.http import JSON, answer, answer_metrics
from pipelines.tunnel.store_follow import REBUILDING, STATUS, FollowStatus, status_of
from pipelines.tunnel.store_knowledge import KnowledgeStore

STALE_MS = 15_000
router = APIRouter()


@router.get("/healthz")
async def healthz() -> Response:
    """Alive: the process answers."""
    return answer(b'{"status":"alive"}')


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    """Ready (200) once all messages that were there at the start are in the store, and while its writer lives; else 503."""
    state = request.app.state
    store: KnowledgeStore = state.items.store
    faults, status = await run_in_threadpool(look, store, state.now_ms(), state.follows)
    told = {"ready": not faults, "why_not": faults, "lag": dict(status.lag) if status else {}}
    return Response(orjson.dumps(told), 503 if faults else 200, media_type=JSON)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Counts for Prometheus."""
    return await run_in_threadpool(answer_metrics, request.app.state.registry)


def look(store: KnowledgeStore, now_ms: int, follows: bool) -> tuple[list[str], FollowStatus | None]:
    """What keeps the store from being ready (nothing: it is), and what its writer said last."""
    try:
        status, is_rebuilt = status_of(store.noted(STATUS)), store.noted(REBUILDING)
    except RedisError:
        return ["the store does not answer"], None
    faults = []
    if is_rebuilt:
        faults.append("the store is being rebuilt, or a rebuild was cut off: `./aiic serve --rebuild`")
    if follows:
        if status is None or now_ms - status.beat_ms > STALE_MS:
            last = (status and status.problem) or "see the log"
            faults.append(f"the consumer gives no sign of life: {last}")
        elif status.problem:
            faults.append(status.problem)
        elif status.caught_up_ms is None:
            faults.append("the store has not caught up with its topics yet")
    return faults, status


class FollowerMetrics:
    """Counts of the consumer, as it wrote them into the store."""

    def __init__(self, store: KnowledgeStore, now_ms: Callable[[], int], follows: bool) -> None:
        self._store, self._now_ms, self._follows = store, now_ms, follows

    def describe(self) -> list[Metric]:
        """Nothing: so that registering does not read the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the store now."""
        faults, status = look(self._store, self._now_ms(), self._follows)
        yield GaugeMetricFamily("aiic_lookup_ready", "1 where the service is ready.", value=float(not faults))
        if status is None:
            return
        lag = GaugeMetricFamily(
            "aiic_lookup_lag_messages", "Messages that wait to be read.", labels=["topic"]
        )
        read = CounterMetricFamily(
            "aiic_lookup_messages", "Messages read since the consumer's start.", labels=["topic"]
        )
        refused = CounterMetricFamily(
            "aiic_lookup_refused", "Messages that broke their contract.", labels=["reason"]
        )
        for family, counts in ((lag, status.lag), (read, status.read), (refused, status.refused)):
            for name, count in sorted(counts.items()):
                family.add_metric([name], count)
            yield family
        yield CounterMetricFamily("aiic_lookup_changed_rows", "Rows that changed.", value=status.changed_rows)
        yield CounterMetricFamily(
            "aiic_lookup_changed_items", "Items that changed.", value=status.changed_items
        )
        yield GaugeMetricFamily(
            "aiic_lookup_behind_seconds",
            "Age of the newest message when it was written.",
            value=status.behind_ms / 1000,
        )
        beat_s = max(0, self._now_ms() - status.beat_ms) / 1000
        yield GaugeMetricFamily(
            "aiic_lookup_beat_age_seconds", "Time since the consumer's last sign.", value=beat_s
        )
