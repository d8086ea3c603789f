"""What siblings say alike and alone: which measures and codes stand whatever changed around them, and who waits for whom."""

from __future__ import annotations

import asyncio
import doctest
from dataclasses import replace

import pytest

from pipelines.library.answers import Answer
from pipelines.reduction import said as module
from pipelines.reduction.config import Reduction
from pipelines.reduction.difference import noted
from pipelines.reduction.lend import sentence_around
from pipelines.reduction.said import is_settled, own_sentences, reread
from pipelines.reduction.siblings import awaited, told_of
from schemas.knowledge import Evidence
from tests.unit.pipelines.library import small
from tests.unit.pipelines.reduction.mugs import mug, recogniser
from udfs.normalize import NUMBER, Rule

VIEW = small.view()
COLOUR, HEIGHT = VIEW.keys[0], VIEW.keys[2]
THERE = mug("i1", "Red mug, 12 cm", "For every day. It is 12 cm tall.", attributes={"Care": "by hand"})


def twelve(*places: tuple[str, str]) -> Answer:
    fields = {"title": THERE.title, "description": THERE.description}
    evidence = [
        Evidence("12.0", name, at := fields[name].index(words), at + len(words), words)
        for name, words in places
    ]
    return Answer("height", ("12.0",), ("",), tuple(evidence), 0.9, "extraction")


BOTH = twelve(("title", "12 cm"), ("description", "12 cm"))


@pytest.mark.parametrize(
    ("title", "description", "expected"),
    [
        ("Blue mug, 12 cm", THERE.description, True),
        (
            "Blue mug of 300 g",
            THERE.description,
            True,
        ),  # no length: the sentence that both have still says 12 cm
        ("Blue mug, 15 cm", THERE.description, False),
        ("Blue mug, 12 cm, with a spoon of 15 cm", THERE.description, False),
        ("Blue mug, 120 mm", "New. A tall one.", True),  # all of either text can mean nothing else
        ("Blue mug", "For every day.", False),  # nothing says it any longer
        ("Blue mug, 12 cm", "For every day. It is 12 cm tall. Its box: 20 cm.", False),
    ],
)
def test_a_measure_stands_where_nothing_else_can_be_meant(title, description, expected):
    assert is_settled(BOTH, HEIGHT, mug("i2", title, description), THERE) is expected


def test_a_measure_of_a_sentence_with_two_stands_only_while_all_places_say_it():
    there = mug("i1", "Mug, 12 cm", "The mug is 12 cm tall, 9 cm wide.")
    told = Answer(
        "height", ("12.0",), ("",),
        (Evidence("12.0", "title", 5, 10, "12 cm"), Evidence("12.0", "description", 11, 16, "12 cm")), 0.9, "extraction",
    )  # fmt: skip
    assert not is_settled(told, HEIGHT, mug("i2", "Blue mug", there.description), there)
    assert is_settled(told, HEIGHT, mug("i2", "Mug, 12 cm", f"New. {there.description}"), there)


def test_what_is_not_computed_by_rule_and_an_attribute_that_changed_settle_nothing():
    assert not is_settled(replace(BOTH, key_id="colour"), COLOUR, THERE, THERE)
    named = replace(THERE, attributes={"Height": "small"})
    assert is_settled(BOTH, HEIGHT, THERE, THERE) and HEIGHT.key.name == "Height"
    two = replace(named, title="Mug, 12 cm, 9 cm wide"), replace(THERE, title="Mug, 12 cm, 9 cm wide")
    assert not is_settled(BOTH, HEIGHT, *two)


def test_nothing_stated_stays_so_while_no_number_comes():
    none = Answer("height", (), (), (), 0.8, "ranker")
    bare = mug("i1", "Red mug", "For every day.")
    assert is_settled(none, HEIGHT, mug("i2", "Blue mug", "For every day."), bare)
    assert not is_settled(none, HEIGHT, mug("i2", "Blue mug, 12 cm", "For every day."), bare)


def test_a_number_with_another_unit_or_of_a_name_is_no_value():
    # A rule that takes every number, as that of "how many levels" is.
    levels = replace(HEIGHT, rule=Rule(NUMBER))
    there = mug("i1", "Lamp Clip 56, 7 W", "It has 3 levels.")
    told = Answer("height", ("3",), ("",), (Evidence("3", "description", 7, 8, "3"),), 0.9, "extraction")
    for title, expected in (
        ("Lamp Clip 56, 9 W", True), ("Lamp Clip 56, 3 levels, 9 W", True), ("Lamp Clip 56, 5 levels", False),
        ("Lamp Clip 56 VB-181", True), ("Lamp Clip 57", False),
    ):  # fmt: skip
        assert is_settled(told, levels, mug("i2", title, there.description), there) is expected, title


def test_evidence_is_read_again_in_the_words_of_the_other():
    again = reread(BOTH, HEIGHT, mug("i2", "Blue mug", "It is 120 mm tall.", attributes={"Height": "12cm"}))
    found = [(one.source_field, one.start, one.end, one.words) for one in again.evidence]
    assert found == [("description", 6, 12, "120 mm"), ("attributes.Height", 0, 4, "12cm")]
    assert reread(BOTH, COLOUR, THERE) is BOTH and reread(BOTH, HEIGHT, mug("i2", "Mug")).evidence == ()


def test_sentences_and_entries_of_a_table_in_one_line():
    assert doctest.testmod(module).failed == 0
    here = mug("i1", "Mug", "Weight: 240 g | Size: 42 | Made well.", attributes={"Care": "by hand"})
    there = mug("i2", "Mug", "Weight: 240 g | Size: 43 | Made well.", attributes={"Care": "any"})
    assert own_sentences(here, there) == ["Size: 42", "by hand"]
    at = here.description.index("42")
    assert sentence_around(here.description, at, at + 2) == "Size: 42"
    assert sentence_around("One. Two three. Four", 5, 8) == "Two three."


def test_what_several_siblings_changed_alike_is_asked_of_the_first_of_them():
    titles = ["Navy blue mug", "Red mug, 9 cm", "Red cup, 15 cm", "Navy blue cup", "Red mug"]
    members = [(noted(mug(f"i{n}", title), VIEW), (0, 2) if n else (0,)) for n, title in enumerate(titles)]
    assert awaited(members) == [{}, {}, {0: 1}, {0: 0}, {0: 1, 2: 3}]
    told = told_of(VIEW, {2: BOTH})
    assert [one.values for one in told] == [(), (), ("12.0",), (), ()]
    assert [one.key_id for one in told] == [view.key.key_id for view in VIEW.keys]


def test_a_colour_that_two_siblings_have_is_asked_once(tmp_path):
    text = "A sturdy ceramic cup for every day of the week. Dishwasher safe. It stands 12 cm tall."
    titles = ("Red mug", "Mug in navy blue", "Mug in navy blue, new", "Red mug, new")
    s2d = recogniser(tmp_path, Reduction(task_b="0.99"))
    found, usage = asyncio.run(s2d.recognise([mug(f"i{n}", title, text) for n, title in enumerate(titles)]))
    colours = [next(one for one in item.answers if one.key_id == "colour") for item in found]
    assert [one.values for one in colours] == [("Red",), ("Navy Blue",), ("Navy Blue",), ("Red",)]
    assert [one.source for one in colours] == ["", "", "sibling i1", "sibling i0"]
    asked = [prompt for prompt in s2d.discriminator.prompts if "Colour" in prompt]
    assert asked and not any(", new" in prompt for prompt in asked)
    assert usage.pairs["sibling"] == sum(bool(one.source) for item in found for one in item.answers)
