"""What the tables hold of a shard's listings: taken out of Spark's batches, held until the shard is cut, kept beside it."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from jobs.batch.daily_item_knowledge_before import ROWS, WAS, Held, held_of
from pipelines.library.answers import Answer, ItemAnswers
from pipelines.library.rows import Stamp, knowledge_rows
from pipelines.tunnel.plan_folder import PlanFolder, read_before, write_before
from schemas.derive import arrow_schema, record_to_arrow, to_mapping
from schemas.item import Item
from schemas.knowledge import Evidence, KnowledgeRow
from schemas.listing import Listing
from schemas.shard import ShardItem

STAMP = Stamp("offline", 1, "m", "v1", "r")


def listing(number: int) -> Listing:
    return Listing(
        f"i{number}", f"茶 {number}", category_id="tea", attributes={"色": "红"}, image_urls=("u",)
    )


def rows_of(number: int) -> list[KnowledgeRow]:
    evidence = (Evidence("red", "attributes.色", 0, 1, "红"),)
    answers = tuple(Answer(f"k{key}", ("red",), ("",), evidence, 0.5, "rule") for key in range(number))
    return knowledge_rows(listing(number), 7, ItemAnswers(f"i{number}", "tea", 1.0, answers), "f", STAMP)


def batch() -> pa.RecordBatch:
    """Six listings: the first is new, the second was there without rows, the others with as many rows as their number."""
    items = [
        Item(**to_mapping(listing(n)) | {"image_urls": ("u",), "event_ms": 5, "digest": "d"})
        for n in range(6)
    ]
    states = record_to_arrow(items, Item).to_struct_array().combine_chunks()
    lists = [rows_of(n) for n in range(6)]
    flat = (
        record_to_arrow([row for rows in lists for row in rows], KnowledgeRow)
        .to_struct_array()
        .combine_chunks()
    )
    starts = [0]
    for rows in lists:
        starts.append(starts[-1] + len(rows))
    held = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), flat)
    missing = pa.array([n == 0 for n in range(6)])
    empty = pa.array([n < 2 for n in range(6)])
    was = pa.StructArray.from_arrays(states.flatten(), fields=list(arrow_schema(Item)), mask=missing)
    rows = pa.array(
        [None if none else one for one, none in zip(held.to_pylist(), empty.to_pylist(), strict=True)],
        held.type,
    )
    return pa.RecordBatch.from_arrays([was, rows], names=[WAS, ROWS])


def test_a_piece_of_a_batch_gives_its_own_listings_and_rows():
    whole = batch()
    states, rows = held_of(whole)
    assert states == [ShardItem(listing(n), 5) for n in range(1, 6)]
    assert rows == [row for n in range(2, 6) for row in rows_of(n)]
    states, rows = held_of(whole.slice(3, 2))
    assert states == [ShardItem(listing(n), 5) for n in (3, 4)]
    assert rows == [*rows_of(3), *rows_of(4)]
    assert held_of(whole.slice(0, 1)) == ([], [])


def test_a_shard_takes_what_is_held_of_its_listings_and_forgets_it(tmp_path):
    held = Held()
    held.add(*held_of(batch()))
    shard = [ShardItem(replace(listing(n), title="new"), 9) for n in (0, 3, 1)]
    states, rows = held.take(shard)
    assert [state.listing for state in states] == [listing(3), listing(1)]
    assert rows == rows_of(3)
    assert held.take(shard) == ([], [])

    folder = PlanFolder(tmp_path)
    write_before(folder, "tea-0", states, rows)
    assert read_before(folder, "tea-0") == {"i3": (listing(3), rows_of(3)), "i1": (listing(1), [])}
    write_before(folder, "tea-1", [], [])
    assert read_before(folder, "tea-1") == {} and not folder.before("tea-1")[0].exists()
