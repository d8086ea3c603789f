"""Plan of the offline tier: which listings are recognised, cut into shards that workers claim (paper section 6; T7)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from schemas.json_form import to_mapping
from schemas.shard import ShardEntry, ShardItem

ROWS_PER_SHARD = 64
DIGEST_BYTES = 16
_MODULUS = 1 << (8 * DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Everything that a plan's results depend on. Equal inputs are the same plan, so nothing is done twice.

    `turn`: how often these inputs came back after others had replaced their rows (`plan_turn`).
    """

    day: str
    listings_digest: str
    ontology_version: str
    model: str
    recognition: Mapping[str, str | int]
    rows_per_shard: int = ROWS_PER_SHARD
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Shard:
    """Listings of one category and whole SPUs; a part of one SPU where the SPU is larger than a shard."""

    category_id: str
    ordinal: int
    items: tuple[ShardItem, ...]


class ListingsDigest:
    """Digest of a set of listings, whatever their order: the sum of their digests."""

    def __init__(self) -> None:
        self._sum = 0
        self.count = 0

    def add(self, item: ShardItem) -> None:
        """Take one listing and its event time into account."""
        self._sum = (self._sum + int.from_bytes(bytes.fromhex(item_digest(item)), "big")) % _MODULUS
        self.count += 1

    def hex(self) -> str:
        """The digest of what was added until now."""
        return _digest({"count": self.count, "sum": self._sum})


def item_digest(item: ShardItem) -> str:
    """Digest of a listing's whole content and event time. 32 hex digits."""
    return _digest({"listing": to_mapping(item.listing), "event_ms": item.event_ms})


def plan_id_of(inputs: PlanInputs) -> str:
    """The id of the plan of these inputs. 16 hex digits."""
    content = {name: getattr(inputs, name) for name in inputs.__slots__} | {
        "recognition": dict(inputs.recognition)
    }
    return _digest(content)[:16]


def shard_order(item: ShardItem) -> tuple[str, str, str]:
    """Where a listing stands in its plan: by category ("" is still to be predicted), SPU, item."""
    listing = item.listing
    return (listing.category_id or "", listing.spu_id or listing.item_id, listing.item_id)


def cut_shards(items: Iterable[ShardItem], rows_per_shard: int = ROWS_PER_SHARD) -> Iterator[Shard]:
    """Cut listings into shards of one category; small SPUs share a shard, a large one gets shards of its own.

    Shapes: listings in `shard_order` in, every listing in exactly one shard out. A category must come whole.
    Memory: one shard and one SPU's chunk. Errors: ValueError for a size below 1.
    """
    if rows_per_shard < 1:
        raise ValueError(f"rows_per_shard is {rows_per_shard}: it must be at least 1")
    for category_id, of_category in groupby(items, key=lambda item: shard_order(item)[0]):
        for ordinal, rows in enumerate(_packed(of_category, rows_per_shard)):
            yield Shard(category_id, ordinal, tuple(rows))


def family_calls(items: Iterable[ShardItem], rows_per_call: int) -> Iterator[list[ShardItem]]:
    """The calls that a shard is recognised in where its items answer for each other: whole SPUs together while they fit.

    Shapes: as `cut_shards`, inside one shard. Errors: ValueError for a size below 1.
    """
    if rows_per_call < 1:
        raise ValueError(f"rows_per_call is {rows_per_call}: it must be at least 1")
    yield from _packed(items, rows_per_call)


def shard_id_of(shard: Shard) -> str:
    """Stable name of a shard inside its plan, fit for a file name whatever the category is called.

    >>> shard_id_of(Shard("Tea & Coffee", 3, ()))
    'tea-coffee-ea4a728a-00003'
    """
    readable = re.sub(r"[^a-z0-9]+", "-", shard.category_id.lower()).strip("-")[:40] or "any"
    return f"{readable}-{_digest(shard.category_id)[:8]}-{shard.ordinal:05d}"


def entry_of(shard: Shard, plan_id: str) -> ShardEntry:
    """The manifest's entry of a shard."""
    shard_id = shard_id_of(shard)
    return ShardEntry(
        plan_id=plan_id,
        shard_id=shard_id,
        category_id=shard.category_id,
        path=f"shards/{shard_id}.parquet",
        rows=len(shard.items),
        spus=len({shard_order(item)[1] for item in shard.items}),
        digest=_digest([item_digest(item) for item in shard.items]),
    )


def _packed(items: Iterable[ShardItem], size: int) -> Iterator[list[ShardItem]]:
    """Whole SPUs together while they fit; chunks of one SPU where it alone is too large."""
    waiting: list[ShardItem] = []
    for _, of_spu in groupby(items, key=lambda item: shard_order(item)[1]):
        for chunk, is_whole in _chunks(of_spu, size):
            if waiting and (not is_whole or len(waiting) + len(chunk) > size):
                yield waiting
                waiting = []
            if is_whole:
                waiting = [*waiting, *chunk]
            else:
                yield chunk
    if waiting:
        yield waiting


def _chunks(items: Iterable[ShardItem], size: int) -> Iterator[tuple[list[ShardItem], bool]]:
    """Chunks of one SPU, and whether a chunk is the whole SPU."""
    chunk: list[ShardItem] = []
    is_whole = True
    for item in items:
        if len(chunk) == size:
            yield chunk, False
            chunk, is_whole = [], False
        chunk.append(item)
    yield chunk, is_whole


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()
