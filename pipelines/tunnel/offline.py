"""Offline tier: recognise one shard of a plan and put its result in place (paper section 6.1; T1, T7)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from pipelines.library.answers import ItemAnswers, Usage
from pipelines.library.recogniser import Recogniser
from pipelines.library.rows import Stamp, knowledge_rows
from pipelines.reduction.flow import Flow, Span
from pipelines.tunnel.plan import family_calls
from pipelines.tunnel.plan_folder import (
    Plan,
    PlanFolder,
    read_before,
    read_items,
    write_json,
    write_table,
)
from schemas.derive import record_to_arrow, to_mapping
from schemas.knowledge import NOT_STATED, KnowledgeRow, Provenance
from schemas.listing import Listing
from schemas.shard import ShardEntry, ShardItem
from udfs.version import ITEM_ATTR, version_of, with_digest

TIER = "offline"


@dataclass(frozen=True, slots=True)
class ShardConfig:
    """How one worker goes through a shard: listings a call, and calls under way at once where no flow bounds them.

    `whole_families`: a call holds whole SPUs where they fit, because its items answer for each other.
    """

    chunk_rows: int = 32
    chunks_at_once: int = 4
    whole_families: bool = False


@runtime_checkable
class PairByPair(Protocol):
    """A recogniser that computes only the pairs that changed, and says what each was computed from."""

    flow: Flow | None

    def remember(self, known: Mapping[str, tuple[Listing, Sequence[KnowledgeRow]]]) -> None:
        """Take in the last listing and rows of items, by id; what was taken in before is forgotten."""

    def pair_prints(self, listing: Listing, found: ItemAnswers) -> Mapping[str, str]:
        """By attr_id, digests of what an item's rows were computed from."""


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
    by_pair = recogniser if isinstance(recogniser, PairByPair) else None
    known = read_before(folder, entry.shard_id) if by_pair else {}
    if by_pair:
        by_pair.remember(known)
    found, usage, spans = await _recognise(live, recogniser, config)
    stamp = stamp_of(plan)
    rows = [tombstone(item, stamp) for item in items if item.listing.is_deleted]
    for item, answers in zip(live, found, strict=True):
        own = knowledge_rows(item.listing, item.event_ms, answers, fingerprint_of(item, plan), stamp)
        if by_pair:
            prints = by_pair.pair_prints(item.listing, answers)
            before = known[item.listing.item_id][1] if item.listing.item_id in known else ()
            own = [_as_computed(row, prints, before) for row in own]
        rows += own
    # Usage first: where a result is, its cost is known, too.
    spent = _usage_record(entry, usage, started_s, clock(), len(items), len(rows), spans)
    write_json(folder.usage(entry.shard_id), spent)
    write_table(result, record_to_arrow(rows, KnowledgeRow))
    return True


def _as_computed(
    row: KnowledgeRow, prints: Mapping[str, str], before: Sequence[KnowledgeRow]
) -> KnowledgeRow:
    """A row with its pair's own fingerprint; where that is what it was, the row says who computed it then."""
    found = prints.get(row.attr_id)
    if found is None:
        return row
    then = [old for old in before if old.attr_id == row.attr_id and old.fingerprint == found]
    provenance = then[0].provenance if then and not then[0].is_deleted else row.provenance
    return with_digest(replace(row, fingerprint=found, provenance=provenance))


async def _recognise(
    items: Sequence[ShardItem], recogniser: Recogniser, config: ShardConfig
) -> tuple[list[ItemAnswers], Usage, list[Span]]:
    """Answers of N items, same order, and who worked when; several chunks are under way at once."""
    calls = _calls(items, config)
    flow = recogniser.flow if isinstance(recogniser, PairByPair) else None
    if flow is None:
        parts, spans = await _side_by_side(calls, recogniser, config.chunks_at_once), []
    else:
        flow.take_spans()
        parts = [part async for part in flow.run(calls, recogniser.recognise)]
        spans = flow.take_spans()
    usage = Usage()
    for _, used in parts:
        usage.add(used)
    return [answers for found, _ in parts for answers in found], usage, spans


def _calls(items: Sequence[ShardItem], config: ShardConfig) -> list[list[Listing]]:
    size = config.chunk_rows
    slices = (items[at : at + size] for at in range(0, len(items), size))
    chunks = family_calls(items, size) if config.whole_families else slices
    return [[item.listing for item in chunk] for chunk in chunks]


async def _side_by_side(
    calls: Sequence[Sequence[Listing]], recogniser: Recogniser, at_once: int
) -> list[tuple[list[ItemAnswers], Usage]]:
    gate = asyncio.Semaphore(at_once)

    async def one(call: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
        async with gate:
            return await recogniser.recognise(call)

    tasks = [asyncio.ensure_future(one(call)) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
    entry: ShardEntry,
    usage: Usage,
    started_s: float,
    finished_s: float,
    items: int,
    rows: int,
    spans: Sequence[Span],
) -> dict[str, Any]:
    record: dict[str, Any] = {
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
    if spans:
        times = [(round(one.came_s, 3), round(one.began_s, 3), round(one.ended_s, 3)) for one in spans]
        record["spans"] = [[one.chunk, one.stage, *at] for one, at in zip(spans, times, strict=True)]
    return record
