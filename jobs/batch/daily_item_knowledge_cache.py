"""The prefix cache of the model server, by its own count before and after a run's recognition (L5)."""

from __future__ import annotations

from jobs.discriminators import load_of, replicas_of
from pipelines.library.recogniser import RecogniserConfig
from pipelines.reduction.admission import ServerLoad, together
from schemas.report import SERVER_HITS, SERVER_QUERIES


def prefix_cache(config: RecogniserConfig) -> ServerLoad | None:
    """What the discriminator's servers say of themselves; None where none is asked, or one is no vLLM that tells."""
    if config.discriminator == "off":
        return None
    found = [load_of(url) for url in replicas_of(config.discriminator_url)]
    told = [load for load in found if load is not None]
    return together(told) if len(told) == len(found) else None


def cache_use(before: ServerLoad | None, after: ServerLoad | None) -> dict[str, int]:
    """Tokens found and looked for between two looks; nothing where one of them failed.

    A server that was started anew meanwhile counts from nothing: what it says then is the least that there was.
    """
    if before is None or after is None:
        return {}
    restarted = after.prefix_queries < before.prefix_queries
    hits = after.prefix_hits - (0 if restarted else before.prefix_hits)
    queries = after.prefix_queries - (0 if restarted else before.prefix_queries)
    return {SERVER_HITS: int(hits), SERVER_QUERIES: int(queries)}
