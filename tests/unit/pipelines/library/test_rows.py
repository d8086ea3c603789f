"""An item always says something: in a category without keys its category, else the rows of its former one would live on."""

from dataclasses import replace

from pipelines.library.answers import Answer, ItemAnswers
from pipelines.library.rows import CATEGORY_ATTR, Stamp, knowledge_rows
from tests.unit.pipelines.library import small
from udfs.version import settle

EARLIER = Stamp("nearline", 1, "m", "v1", "nearline-1")


def rows_of(event_ms: int, answers: ItemAnswers):
    return knowledge_rows(small.listing("Red mug"), event_ms, answers, "f", EARLIER)


def test_a_given_category_without_keys_has_a_row_of_its_own():
    (row,) = rows_of(2, ItemAnswers("i1", "mugs", 0.4, ()))
    assert (row.attr_id, row.value_ids, row.category_id) == (CATEGORY_ATTR, ("mugs",), "mugs")
    assert (row.confidence, row.provenance.method) == (1.0, "rule")


def test_so_a_move_to_it_retires_the_rows_of_the_former_category():
    said = Answer("form", ("Cube",), ("",), (), 0.9, "ranker")
    listing = replace(small.listing("Red mug"), category_id="home")
    old = knowledge_rows(listing, 1, ItemAnswers("i1", "home", 1.0, (said,)), "f", EARLIER)
    new = rows_of(2, ItemAnswers("i1", "mugs", 1.0, ()))
    live = {row.attr_id for row in settle([*old, *new]).values() if not row.is_deleted}
    assert "form" in {row.attr_id for row in settle(old).values()}
    assert "form" not in live and CATEGORY_ATTR in live
