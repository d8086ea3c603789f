"""Offline tier: recognise one shard of a plan and put its result in place (paper section 6.1; T1, T7)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.library.answers import ItemAnswers, Usage
from pipelines.library.recogniser import Recogniser
from pipelines.library.rows import Stamp, knowledge_rows
from pipelines.tunnel.plan_folder import Plan, PlanFolder, read_items, write_json, write_table
from schemas.derive import record_to_arrow, to_mapping
from schemas.knowledge import NOT_STATED, KnowledgeRow, Provenance
from schemas.shard import ShardEntry, ShardItem
from udfs.version import ITEM_ATTR, version_of, with_digest

TIER = "offline"


@dataclass(frozen=True, slots=True)
class ShardConfig:
    """How one worker goes through a shard: listings a call, and calls under way at once."""

    chunk_rows: int = 16
    chunks_at_once: int = 4


class WrongModel(RuntimeError):
    """The recogniser at hand is not the one that the plan was made for."""


def stamp_of(plan: Plan) -> Stamp:
    """What all rows of a plan share."""
    return Stamp(TIER, plan.generation, plan.model, plan.ontology_version, plan.run_id)


def require_same_model(plan: Plan, recogniser: Recogniser) -> None:
    """Check that a plan is continued with the models and the ontology it was made for.

    Errors: WrongModel.
    """
    given = (recogniser.ontology_version, recogniser.model)
    if given != (plan.ontology_version, plan.model):
        raise WrongModel(
            f"the plan of {plan.day} was made for ontology {plan.ontology_version} and model {plan.model}; "
            f"here are {given[0]} and {given[1]}: run the `plan` step again, or restore the release"
        )


async def recognise_shard(
    folder: PlanFolder,
    entry: ShardEntry,
    plan: Plan,
    recogniser: Recogniser,
    config: ShardConfig,
    clock: Callable[[], float] = time.time,
) -> bool:
    """Recognise a shard and put its usage, then its result in place; a finished shard is left alone.

    Returns whether there was work to do. Killed at any moment it leaves the shard finished or untouched.
    Errors: those of the recogniser, OSError; nothing is written then.
    """
    result = folder.result(entry.shard_id)
    if result.exists():
        return False
    started_s = clock()
    items = read_items(folder.shard(entry))
    live = [item for item in items if not item.listing.is_deleted]
    found, usage = await _recognise(live, recogniser, config)
    stamp = stamp_of(plan)
    rows = [tombstone(item, stamp) for item in items if item.listing.is_deleted]
    for item, answers in zip(live, found, strict=True):
        rows += knowledge_rows(item.listing, item.event_ms, answers, fingerprint_of(item, plan), stamp)
    # Usage first: where a result is, its cost is known, too.
    spent = _usage_record(entry, usage, started_s, clock(), len(items), len(rows))
    write_json(folder.usage(entry.shard_id), spent)
    write_table(result, record_to_arrow(rows, KnowledgeRow))
    return True


async def _recognise(
    items: Sequence[ShardItem], recogniser: Recogniser, config: ShardConfig
) -> tuple[list[ItemAnswers], Usage]:
    """Answers of N items, same order; several chunks are under way at once."""
    gate = asyncio.Semaphore(config.chunks_at_once)
    size = config.chunk_rows

    async def one(chunk: Sequence[ShardItem]) -> tuple[list[ItemAnswers], Usage]:
        async with gate:
            return await recogniser.recognise([item.listing for item in chunk])

    tasks = [asyncio.ensure_future(one(items[at : at + size])) for at in range(0, len(items), size)]
    try:
        parts = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    usage = Usage()
    for _, used in parts:
        usage.add(used)
    return [answers for found, _ in parts for answers in found], usage


def tombstone(item: ShardItem, stamp: Stamp) -> KnowledgeRow:
    """The row that says that an item was taken down; the merge retires the item's other rows after it."""
    provenance = Provenance(stamp.tier, "none", stamp.model, stamp.ontology_version, "", stamp.run_id)
    return with_digest(
        KnowledgeRow(
            item_id=item.listing.item_id,
            attr_id=ITEM_ATTR,
            category_id=item.listing.category_id or "",
            spu_id=item.listing.spu_id,
            value_ids=(),
            value_texts=(),
            status=NOT_STATED,
            evidence=(),
            confidence=1.0,
            provenance=provenance,
            fingerprint="",
            event_ms=item.event_ms,
            version=version_of(item.event_ms, stamp.generation, stamp.tier),
            digest="",
            is_deleted=True,
        )
    )


def fingerprint_of(item: ShardItem, plan: Plan | Stamp) -> str:
    """Digest of what an item's rows were computed from: its text and facts, ontology, model. 32 hex digits."""
    listing = {name: value for name, value in to_mapping(item.listing).items() if name != "event_time"}
    text = json.dumps([listing, plan.ontology_version, plan.model], sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _usage_record(
    entry: ShardEntry, usage: Usage, started_s: float, finished_s: float, items: int, rows: int
) -> dict[str, Any]:
    return {
        "shard_id": entry.shard_id,
        "items": items,
        "rows": rows,
        "started_ms": int(started_s * 1000),
        "finished_ms": int(finished_s * 1000),
        "worker_s": round(finished_s - started_s, 3),
        "tokens": dict(usage.tokens),
        "pairs": dict(usage.pairs),
        "seconds": dict(usage.seconds),
    }
