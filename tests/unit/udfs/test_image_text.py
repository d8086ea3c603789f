"""Words of images in reading order, and as parts of a document with offsets into the image's text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.image import ImageText, TextBox
from schemas.listing import Listing
from udfs.document import document
from udfs.image_text import text_of

ITEM = Listing(item_id="i", title="Desk lamp", description="A lamp.", attributes={"Colour": "white"})
LABEL = ImageText(2, "Voltage 220-240 V\nPart No. NX7-482KL\n净含量 250 克")


def box(text: str, left: float, top: float, score: float = 0.9, height: float = 10.0) -> TextBox:
    return TextBox(text, score, left, top, left + 8.0 * len(text), top + height)


def test_rows_go_from_top_to_bottom_and_each_from_left_to_right() -> None:
    boxes = [box("240 V", 90, 2), box("Power", 0, 30), box("Voltage", 0, 0), box("9 W", 90, 33)]
    assert text_of(boxes) == "Voltage 240 V\nPower 9 W"


def test_boxes_that_overlap_are_not_one_row() -> None:
    assert text_of([box("large print", 0, 0, height=40), box("small", 10, 20)]) == "large print\nsmall"


def test_doubtful_empty_and_too_much_text_is_left_out() -> None:
    assert text_of([box("guess", 0, 0, score=0.3), box(" \x00 ", 0, 20), box("sure", 0, 40)]) == "sure"
    assert len(text_of([box("x" * 90, 0, 20.0 * row) for row in range(100)])) == 4_000


@given(st.permutations([box("a", 0, 0), box("b", 40, 1), box("c", 0, 20), box("d", 40, 20), box("e", 0, 40)]))
def test_the_order_of_the_boxes_does_not_matter(boxes: list[TextBox]) -> None:
    assert text_of(boxes) == "a b\nc d\ne"


def test_every_line_of_an_image_is_a_part_with_offsets_into_the_whole_text() -> None:
    found = document(ITEM, images=[LABEL])
    start = found.text.index("NX7-482KL")
    assert found.locate(start, start + 9) == ("images.2", 27, 36, "NX7-482KL")
    assert LABEL.text[27:36] == "NX7-482KL"
    weight = found.text.index("250")
    assert found.locate(weight, weight + 5)[3] == "250 克"
    assert not found.inside(found.text.index("V | Part"), start), "two printed lines are not one phrase"
    assert [part.name for part in found.parts][-3:] == ["images.2"] * 3


def test_a_listing_without_images_is_the_document_it_was() -> None:
    assert document(ITEM, images=()) == document(ITEM)
    plain, more = document(ITEM), document(ITEM, images=[LABEL])
    assert more.text.startswith(plain.text) and more.parts[: len(plain.parts)] == plain.parts


def test_a_long_description_leaves_room_for_the_words_in_images() -> None:
    long = Listing(item_id="i", title="t", description="word " * 50_000)
    found = document(long, max_text=500, images=[LABEL])
    assert "NX7-482KL" in found.text
    assert len(found.text) <= 500 + 3 * len(found.parts)


def test_an_image_without_words_adds_nothing() -> None:
    assert document(ITEM, images=[ImageText(0, "")]) == document(ITEM)
