"""What the tables hold of a day's listings before the day: read once by the plan, kept beside its shards (B2).

Read at planning because the plan then brings the new listings into `items`: every attempt at a shard starts from the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from infra.hudi import PRUNE_MAX_VALUES, present_rows
from jobs.batch.merge import ITEMS, KNOWLEDGE
from pipelines.tunnel.merge import items_table, knowledge_table
from schemas.derive import arrow_to_records
from schemas.item import Item
from schemas.knowledge import KnowledgeRow
from schemas.listing import Listing
from schemas.shard import ShardItem

WAS, ROWS = "was", "rows"
"""Columns beside a listing: its last state as a row of `items`, and its rows of `item_knowledge`; null where there are none."""


def with_before(spark: SparkSession, items: DataFrame, warehouse: Path) -> DataFrame:
    """Listings with what the tables hold of them beside each. Columns: those of `ShardItem`, WAS, ROWS."""
    found = [row[0] for row in items.select("listing.item_id").limit(PRUNE_MAX_VALUES + 1).collect()]
    ids = found if len(found) <= PRUNE_MAX_VALUES else None
    was = present_rows(spark, ITEMS, items_table(warehouse), ITEMS.schema.names, ids)
    rows = present_rows(spark, KNOWLEDGE, knowledge_table(warehouse), KNOWLEDGE.schema.names, ids)
    wanted = items.select(F.col("listing.item_id").alias("item_id"))
    live = rows.where("NOT is_deleted").join(wanted, "item_id", "left_semi")
    by_item = live.groupBy("item_id").agg(F.collect_list(F.struct(*KNOWLEDGE.schema.names)).alias(ROWS))
    states = was.select("item_id", F.struct(*ITEMS.schema.names).alias(WAS))
    named = items.withColumn("item_id", F.col("listing.item_id"))
    return named.join(states, "item_id", "left").join(by_item, "item_id", "left").drop("item_id")


@dataclass(slots=True)
class Held:
    """What is known of listings on their way into a shard, until the shard takes it."""

    _known: dict[str, tuple[ShardItem, list[KnowledgeRow]]] = field(default_factory=dict)

    def add(self, items: Iterable[ShardItem], rows: Iterable[KnowledgeRow]) -> None:
        """Hold the last states of listings, and their rows."""
        for item in items:
            self._known[item.listing.item_id] = (item, [])
        for row in rows:
            if row.item_id in self._known:
                self._known[row.item_id][1].append(row)

    def take(self, items: Sequence[ShardItem]) -> tuple[list[ShardItem], list[KnowledgeRow]]:
        """What is held of a shard's listings, which is then forgotten."""
        found = [self._known.pop(item.listing.item_id, None) for item in items]
        known = [one for one in found if one is not None]
        return [item for item, _ in known], [row for _, rows in known for row in rows]


def held_of(batch: pa.RecordBatch) -> tuple[list[ShardItem], list[KnowledgeRow]]:
    """The last states and rows in a batch of `with_before`. Errors: SchemaMismatch."""
    was = batch.column(WAS).drop_null()
    rows = batch.column(ROWS).drop_null().flatten()
    states = arrow_to_records(pa.RecordBatch.from_struct_array(was), Item)
    return [_as_listed(state) for state in states], arrow_to_records(
        pa.RecordBatch.from_struct_array(rows), KnowledgeRow
    )


def _as_listed(state: Item) -> ShardItem:
    listing = Listing(**{part.name: getattr(state, part.name) for part in fields(Listing)})
    return ShardItem(listing, state.event_ms)
