"""The item store over real key-value stores: state, views, categories, history and positions agree with the rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.tunnel.store import HistoryGone, HistoryLimits, ItemRows, category_of
from pipelines.tunnel.store_codec import view_bytes
from pipelines.tunnel.store_knowledge import Applied, BadCursor, KnowledgeStore, StoreError, Superseded
from schemas.knowledge import NOT_STATED, Evidence, KnowledgeRow
from tests.unit.pipelines.tunnel.test_store import drawn, present, row
from udfs.version import ITEM_ATTR, MOVED_ATTR, settle, with_digest

LONG = "长" * 200
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


def pieces(rows: Sequence[KnowledgeRow], known_ms: int = 1) -> list[ItemRows]:
    return [ItemRows(one.item_id, (one,), known_ms + number) for number, one in enumerate(rows)]


ROWS = drawn(["tea", "cup", LONG], ["i", "j", LONG], most=14, deleted=st.booleans())


@SHARED
@given(rows=ROWS, data=st.data())
def test_any_history_ends_in_settle_of_all_rows_and_views_and_categories_agree(
    store: KnowledgeStore, rows: list[KnowledgeRow], data: st.DataObject
) -> None:
    store.kv.wipe()
    term = store.begin_term()
    arrival = data.draw(st.permutations([*rows, *rows[: len(rows) // 2]]))
    at = data.draw(st.integers(0, len(arrival)))
    for batch in (arrival[:at], arrival[at:], arrival[:at]):
        store.apply(pieces(batch), term)
    expected = settle(rows)
    assert present(store) == expected
    ids = sorted({one.item_id for one in rows})
    own = {item: [one for (found, _), one in expected.items() if found == item] for item in ids}
    assert store.views(ids) == [view_bytes(item, own[item]) for item in ids]
    for category in ("tea", "cup", LONG):
        inside = {item for item in ids if category_of(own[item]) == category}
        assert set(store.category(category, None, 100)[0]) == inside


def test_a_view_shows_stated_facts_with_evidence_and_names_what_is_not_stated(store: KnowledgeStore) -> None:
    found = Evidence("loose", "title", 0, 5, "Loose")
    stated = with_digest(replace(row("form", 7 << 21, "loose"), evidence=(found,), spu_id="s"))
    silent = with_digest(replace(row("origin", 7 << 21), status=NOT_STATED, value_ids=(), value_texts=()))
    dead = row("grade", 7 << 21, deleted=True)
    assert store.apply([ItemRows("i", (silent, stated, dead), 1)], store.begin_term()) == Applied(1, 3, 1, 3)
    [view, unknown] = store.views(["i", "never seen"])
    assert unknown is None
    assert json.loads(view or b"") == {
        "item_id": "i",
        "category_id": "tea",
        "spu_id": "s",
        "is_deleted": False,
        "version": 7 << 21,
        "facts": [
            {
                "attr_id": "form",
                "value_ids": [""],
                "value_texts": ["loose"],
                "confidence": 0.5,
                "evidence": [
                    {"value": "loose", "source_field": "title", "start": 0, "end": 5, "words": "Loose"}
                ],
                "provenance": {
                    "tier": "offline",
                    "method": "rule",
                    "model": "m",
                    "ontology_version": "v1",
                    "prompt_version": "",
                    "run_id": "r",
                },
                "event_ms": 7 << 21,
                "version": 7 << 21,
            }
        ],
        "not_stated": ["origin"],
    }


def test_why_we_say_this_and_what_we_said_then(store: KnowledgeStore) -> None:
    term = store.begin_term()
    steps = [row("form", 1, "leaf"), row("form", 2, "bag"), row("form", 1, "late"), row(ITEM_ATTR, 3)]
    for number, one in enumerate(steps):
        store.apply([ItemRows("i", (one,), 100 * (number + 1))], term)
    past, exact_from_ms = store.history("i", "form")
    assert exact_from_ms == 0
    assert [(one.row.value_texts, one.row.is_deleted, one.from_ms, one.until_ms) for one in past] == [
        (("bag",), True, 400, None),
        (("bag",), False, 200, 400),
        (("leaf",), False, 100, 200),
    ]
    assert [one.row.attr_id for one in store.history("i")[0]] == [ITEM_ATTR, "form", "form", "form"]

    def said(moment_ms: int) -> list[list[str]]:
        view = json.loads(store.view_at("i", moment_ms) or b'{"facts": []}')
        return [fact["value_texts"] for fact in view["facts"]]

    assert [said(moment) for moment in (99, 100, 250, 399, 400)] == [[], [["leaf"]], [["bag"]], [["bag"]], []]
    assert store.view_at("i", 99) is None
    assert store.view_at("never seen", 500) is None


def test_history_before_the_store_or_a_snapshot_is_not_made_up(store: KnowledgeStore) -> None:
    term = store.begin_term()
    store.note("began_ms", b"1000", term)
    store.apply([ItemRows("i", (row("form", 1),), 900, complete_ms=950)], term)
    for item, moment_ms in (("i", 949), ("never seen", 999)):
        with pytest.raises(HistoryGone, match="is kept from"):
            store.view_at(item, moment_ms)
    assert store.view_at("i", 950) is not None
    assert store.view_at("never seen", 1000) is None


def test_dropped_history_leaves_the_store(store: KnowledgeStore) -> None:
    bounded = KnowledgeStore(store.kv, HistoryLimits(earlier_rows=2))
    term = bounded.begin_term()
    for version in range(1, 8):
        bounded.apply([ItemRows("i", (row("form", version),), version * 10)], term)
    past, exact_from_ms = bounded.history("i")
    assert [one.row.version for one in past] == [7, 6, 5]
    assert exact_from_ms == 50
    with store.kv.reading() as reader:
        assert len(reader.scan(b"h", b"i", 100)) == 2
    with pytest.raises(HistoryGone):
        bounded.view_at("i", 49)


def test_pages_of_a_category_hold_each_item_once_though_the_category_changes(store: KnowledgeStore) -> None:
    term = store.begin_term()
    names = [*(f"sku-{number:03}" for number in range(25)), LONG]
    store.apply([ItemRows(name, (row("form", 1, item=name),), 1) for name in names], term)
    first, cursor = store.category("tea", None, 10)
    assert first == names[:10]
    moved = [
        ItemRows(name, (row("form", 2, category="cup", item=name),), 2) for name in (names[9], names[12])
    ]
    store.apply([*moved, ItemRows("sku-0005", (row("form", 1, item="sku-0005"),), 2)], term)
    second, cursor = store.category("tea", cursor, 10)
    third, end = store.category("tea", cursor, 10)
    assert [*second, *third] == [name for name in names[10:] if name != names[12]]
    assert end is None
    assert store.category("cup", None, 10) == ([names[9], names[12]], None)
    assert store.category("te", None, 10) == ([], None)
    for bad in ("%%%", "", "é", "A" * 900):
        with pytest.raises(BadCursor):
            store.category("tea", bad, 10)


def test_positions_are_written_with_the_rows_or_not_at_all(store: KnowledgeStore) -> None:
    term = store.begin_term()
    store.apply(pieces([row("form", 1)]), term, {("results", 0): 5, ("changes.v1", 3): 1 << 40}, b"fine")
    assert store.positions() == {("results", 0): 5, ("changes.v1", 3): 1 << 40}
    assert store.noted("status") == b"fine"
    with pytest.raises(AttributeError):
        store.apply([*pieces([row("form", 2)]), None], term, {("results", 0): 6})  # type: ignore[list-item]
    assert store.positions()["results", 0] == 5
    assert store.state("i").rows["form"].version == 1


def test_a_consumer_that_was_replaced_cannot_write(store: KnowledgeStore) -> None:
    old = store.begin_term()
    new = store.begin_term()
    with pytest.raises(Superseded, match="end this one"):
        store.apply(pieces([row("form", 9)]), old, {("results", 0): 1})
    with pytest.raises(Superseded):
        store.note("began_ms", b"1", old)
    store.apply(pieces([row("form", 1)]), new)
    assert store.state("i").rows["form"].version == 1
    assert store.positions() == {}


def test_a_store_of_another_form_is_refused(store: KnowledgeStore) -> None:
    with store.kv.writing() as writer:
        writer.put(b"mformat", b"999")
    with pytest.raises(StoreError, match="--rebuild"):
        store.begin_term()


def test_moved_rows_are_state_but_no_history(store: KnowledgeStore) -> None:
    term = store.begin_term()
    store.apply(pieces([row("form", 1), row("form", 2, category="cup")]), term)
    assert store.state("i").rows[MOVED_ATTR].version == 1
    assert [one.row.attr_id for one in store.history("i")[0]] == ["form", "form"]
