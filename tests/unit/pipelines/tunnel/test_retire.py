"""What a new state ends: any order of an item's states leaves the same live rows."""

from __future__ import annotations

from itertools import permutations

import pytest

from pipelines.tunnel.retire import ended_by, facts_of, grouped_by_item
from schemas.knowledge import NOT_STATED, STATED, KnowledgeRow, Provenance
from udfs.version import last_write_wins, version_of, with_digest


def row(attr_id: str, time: int, category_id: str = "tea", is_deleted: bool = False, item_id: str = "x") -> KnowledgeRow:
    return with_digest(
        KnowledgeRow(
            item_id=item_id, attr_id=attr_id, category_id=category_id, spu_id=None,
            value_ids=("",), value_texts=(f"{attr_id}@{time}",), status=NOT_STATED if is_deleted else STATED,
            evidence=(), confidence=1.0, provenance=Provenance("offline", "rule", "m", "v1", "", f"run{time}"),
            fingerprint="", event_ms=time, version=version_of(time, 1, "offline"), digest="", is_deleted=is_deleted,
        )
    )  # fmt: skip


def gone(time: int) -> list[KnowledgeRow]:
    return [row("_item", time, is_deleted=True)]


STATES = {
    "tea": [row("form", 1), row("color", 1)],
    "coffee": [row("roast", 2, "coffee"), row("color", 2, "coffee")],
    "gone": gone(3),
    "back": [row("form", 4), row("brand", 4)],
}


def merged(table: dict, batch: list[KnowledgeRow]) -> dict:
    """A merge as the job does it, in memory."""
    facts = [facts_of(found, True) for found in batch] + [facts_of(found, False) for found in table.values()]
    ended = ended_by(facts)
    kept = [] if ended.is_outdated else batch
    return last_write_wins([*table.values(), *kept, *ended.tombstones])


def live(table: dict) -> dict[str, str]:
    return {attr: found.value_texts[0] for (_, attr), found in table.items() if not found.is_deleted}


def test_a_new_category_ends_the_rows_it_does_not_replace():
    table = merged(merged({}, STATES["tea"]), STATES["coffee"])
    assert live(table) == {"roast": "roast@2", "color": "color@2"}
    assert table["x", "form"].is_deleted and table["x", "form"].version == version_of(2, 1, "offline")
    assert table["x", "form"].provenance.run_id == "run2"


def test_an_item_taken_down_has_no_live_row():
    assert live(merged(merged({}, STATES["tea"]), STATES["gone"])) == {}


@pytest.mark.parametrize("names", [("tea", "coffee"), ("tea", "gone"), ("coffee", "gone", "back"), tuple(STATES)])
def test_any_order_ends_in_the_newest_state(names):
    newest = live(merged({}, STATES[names[-1]]))
    for order in permutations(names):
        table: dict = {}
        for name in [*order, order[0]]:  # the first batch is delivered twice
            table = merged(table, STATES[name])
        assert live(table) == newest, order


def test_a_batch_that_repeats_its_state_ends_nothing():
    table = merged({}, STATES["tea"])
    assert merged(table, STATES["tea"]) == table


def test_rows_of_the_same_category_from_another_tier_stay():
    table = merged({}, [row("form", 1), row("note", 1)])
    assert set(live(merged(table, [row("form", 2)]))) == {"form", "note"}


def test_a_table_row_alone_ends_nothing():
    ended = ended_by([facts_of(found, False) for found in STATES["tea"]])
    assert (ended.tombstones, ended.is_outdated) == ((), False)


def test_groups_are_items():
    facts = [facts_of(row("form", 1, item_id=item_id), True) for item_id in ("a", "a", "b", "c", "c")]
    assert [[found.item_id for found in group] for group in grouped_by_item(facts)] == [["a", "a"], ["b"], ["c", "c"]]
