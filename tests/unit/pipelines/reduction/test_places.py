"""Places of numbers: whose number changed, told by the words around it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.library.answers import Answer
from pipelines.reduction.places import of_others, possible_at, stand_alike
from pipelines.reduction.said import is_settled
from schemas.knowledge import Evidence
from tests.unit.pipelines.library import small
from tests.unit.pipelines.reduction.mugs import mug
from udfs.normalize import NUMBER, Rule

HEIGHT = small.view().keys[2]
ABOUT = "A mug for every day. It is 12 cm tall. Its box is 20 cm wide."


def told(listing, *values):
    return of_others(HEIGHT, listing, mug("i1", "Mug, 12 cm", ABOUT), set(values))


def test_a_number_at_the_place_of_another_keys_is_that_keys_wherever_else_it_stands():
    assert told(mug("i2", "Mug", ABOUT.replace("20", "25")), "12.0") == {"25.0"}
    assert told(mug("i2", "Mug in a box of 25 cm", ABOUT.replace("20", "25")), "12.0") == {"25.0"}
    inches = mug("i2", "Mug", ABOUT.replace("20 cm", "9 inches"))
    assert told(inches, "12.0") == {"22.9"}  # another unit of the same dimension


@pytest.mark.parametrize(
    "description",
    [
        ABOUT.replace("12", "25"),  # the value's own place
        ABOUT.replace("12", "25").replace("20", "25"),  # both places
        ABOUT.replace("20 cm wide", "25 cm tall"),  # other words around it
        "25 cm.",  # no words around it
    ],
)
def test_a_number_elsewhere_is_not_told(description):
    assert "25.0" not in told(mug("i2", "Mug", description), "12.0")


def test_a_digit_of_a_code_does_not_tell_what_the_same_digit_is_elsewhere():
    there = mug("i1", "Mug", "It is 12 cm tall. Barcode 0611 51328 4.")
    here = mug("i2", "Mug, 7 pieces", "It is 12 cm tall. Barcode 0611 51444 7.")
    pieces = replace(HEIGHT, rule=Rule(NUMBER))  # takes every number
    assert "7" in {value for _, value in possible_at(here, pieces)}
    assert "7" not in of_others(pieces, here, there, {"12"})
    alone = mug("i2", "Mug", here.description)
    assert {"7", "51444"} <= of_others(pieces, alone, there, {"12"})


def test_a_value_stands_where_it_stood_and_no_less_often():
    there = mug("i1", "Mug, 12 cm", ABOUT)
    assert stand_alike(HEIGHT, mug("i2", "Mug, 12 cm, red", ABOUT.replace("20", "25")), there, {"12.0"})
    assert not stand_alike(HEIGHT, mug("i2", "Mug, 15 cm", ABOUT), there, {"12.0"})
    assert not stand_alike(HEIGHT, mug("i2", "12 cm: a mug of 12 cm", "Of 12 cm."), there, {"12.0"})


def test_a_measure_stands_while_others_change_in_its_own_sentence():
    there = mug("i1", "Mug", "In red, it is 12 cm tall in a box 20 cm wide.")
    at = there.description.index("12")
    answer = Answer(
        "height", ("12.0",), ("",), (Evidence("12.0", "description", at, at + 5, "12 cm"),), 0.9, "ranker"
    )
    assert is_settled(
        answer, HEIGHT, mug("i2", "Mug", "In blue, it is 12 cm tall in a box 25 cm wide."), there
    )
    assert not is_settled(
        answer, HEIGHT, mug("i2", "Mug", "In blue, it is 15 cm tall in a box 25 cm wide."), there
    )
    assert not is_settled(
        answer, HEIGHT, mug("i2", "Mug", "In blue, it is 12 cm tall in a lid of 9 cm, box 25 cm wide."), there
    )


@pytest.mark.parametrize(
    ("values", "there", "here"),
    [
        (("2",), ("Tool set", "2 pieces in a 5 inch box."), ("Tool set 6", "2 pieces in a 6 inch box.")),
        ((), ("Mug", "A 5 inch cake mug."), ("Pack of 6", "A 6 inch cake mug.")),
        ((), ("Cabinet", "It is a 5-star cabinet."), ("Cabinet", "It is a 3-drawer cabinet.")),
        ((), ("Mug", "It is 12 high."), ("Mug", "It is 15 high.")),
    ],
)
def test_a_number_that_may_be_a_value_settles_nothing(values, there, here):
    pieces = replace(HEIGHT, rule=Rule(NUMBER))
    there = mug("i1", *there)
    found = [
        Evidence(value, "description", at := there.description.index(value), at + 1, value)
        for value in values
    ]
    answer = Answer("height", values, ("",) * len(values), tuple(found), 0.9, "ranker")
    assert not is_settled(answer, pieces, mug("i2", *here), there)


def test_rows_of_numbers_under_other_names_stand_for_nothing():
    there = mug("i1", "Mug", "Size (H x W x D): 12 x 20 x 5 cm.")
    at = there.description.index("12")
    answer = Answer(
        "height", ("12.0",), ("",), (Evidence("12.0", "description", at, at + 2, "12"),), 0.9, "ranker"
    )
    assert not is_settled(answer, HEIGHT, mug("i2", "Mug", "Size (W x H x D): 12 x 15 x 5 cm."), there)


def test_words_that_look_like_units_and_attributes_are_told_apart():
    pieces = replace(HEIGHT, rule=Rule(NUMBER))
    [(place, value)] = possible_at(mug("i1", "Tea", "Pack: 20 bags"), pieces)
    assert value == "20" and not place.has_unit
    there = mug("i1", "Mug", "", attributes={"Width": "20 cm"})
    assert of_others(HEIGHT, mug("i2", "Mug", "", attributes={"Width": "25 cm"}), there, set()) == {"25.0"}
    assert not of_others(HEIGHT, mug("i2", "Mug", "", attributes={"Rim": "25 cm"}), there, set())
    assert not of_others(HEIGHT, mug("i2", "Mug", "25 cm."), mug("i1", "Mug", "20 cm."), set())


def test_hostile_text_is_read_whole_and_not_kept():
    many = " ".join(map(str, range(9_000)))
    pieces = replace(HEIGHT, rule=Rule(NUMBER))
    long = mug("i2", "a" * 20_000, f"{'a' * 20_000} 7 {many}")
    assert len(set(possible_at(long, pieces))) > 8_000
