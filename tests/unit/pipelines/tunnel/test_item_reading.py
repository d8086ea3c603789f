"""An item put together for a reader: live facts, and pieces of text that add up to the text."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pipelines.tunnel.reading import AROUND, SHOWN_WHOLE, field_texts, item_view
from schemas.item import Item
from schemas.knowledge import NOT_STATED, STATED, Evidence, KnowledgeRow, Provenance
from udfs.version import ITEM_ATTR, MOVED_ATTR, moved_row

TITLE = "Loose leaf 绿茶 \U0001f375 250 g"


def evidence(text: str, words: str, value: str, source: str = "title") -> Evidence:
    start = text.index(words)
    return Evidence(value, source, start, start + len(words), words)


def row(attr: str, *found: Evidence, deleted: bool = False) -> KnowledgeRow:
    values = tuple(one.value for one in found)
    return KnowledgeRow(
        "i", attr, "tea", None, values, values, STATED if values else NOT_STATED, found, 0.9,
        Provenance("offline", "rule", "m", "v1", "", "r"), "f", 1, 1, "d", deleted,
    )  # fmt: skip


def pieces(item: Item, *found: Evidence) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    return {
        one.name: [(piece.text, piece.values) for piece in one.pieces] for one in field_texts(item, found)
    }


def test_marks_the_words_of_each_value_also_where_they_overlap() -> None:
    item = Item("i", TITLE, attributes={"Net Wt": "250 g"})
    found = pieces(
        item,
        evidence(TITLE, "Loose leaf", "loose"),
        evidence(TITLE, "leaf 绿茶", "green"),
        evidence("250 g", "250 g", "250 g", "attributes.Net Wt"),
    )
    assert found == {
        "title": [
            ("Loose ", ("loose",)),
            ("leaf", ("loose", "green")),
            (" 绿茶", ("green",)),
            (" \U0001f375 250 g", ()),
        ],
        "attributes.Net Wt": [("250 g", ("250 g",))],
    }


def test_evidence_that_no_longer_fits_the_text_is_not_marked() -> None:
    assert pieces(Item("i", "Black tea"), evidence(TITLE, "Loose", "loose")) == {"title": [("Black tea", ())]}


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=5))
def test_pieces_add_up_to_the_text(text: str, spans: list[tuple[int, int]]) -> None:
    found = [Evidence("v", "title", a, b, text[a:b]) for a, b in spans if b <= len(text)]
    for field in field_texts(Item("i", text), found):
        assert "".join(piece.text for piece in field.pieces) == text


def test_of_a_long_text_what_stands_around_the_evidence_is_shown() -> None:
    text = "x" * SHOWN_WHOLE + "needle" + "y" * SHOWN_WHOLE
    (field,) = list(field_texts(Item("i", "", text), [evidence(text, "needle", "n", "description")]))
    shown = [(piece.text, piece.cut) for piece in field.pieces]
    assert shown == [
        ("x" * 3 * AROUND, False),
        ("x" * AROUND, True),
        ("needle", False),
        ("y" * AROUND, False),
        ("", True),
    ]


def test_view_has_live_facts_stated_ones_first() -> None:
    rows = [
        row("zone"),
        row("form", evidence(TITLE, "Loose leaf", "loose")),
        row("gone", deleted=True),
        replace(row(ITEM_ATTR), is_deleted=False),
        moved_row("i", 1),
    ]
    view = item_view("i", Item("i", TITLE), rows)
    assert [fact.attr_id for fact in view.facts] == ["form", "zone"]
    assert MOVED_ATTR not in [fact.attr_id for fact in view.facts]
    assert item_view("i", None, rows).fields == ()
