"""What stands in a sibling at the place of the reference's value: read where it can be told, else asked."""

from __future__ import annotations

import asyncio
import doctest
from dataclasses import replace

import pytest

from pipelines.library.answers import Answer
from pipelines.library.pairs import item_pairs
from pipelines.reduction import slots
from pipelines.reduction.config import Reduction
from pipelines.reduction.difference import noted
from schemas.knowledge import Evidence
from tests.unit.pipelines.library import small
from tests.unit.pipelines.reduction.mugs import mug, recogniser
from udfs.document import document
from udfs.normalize import NUMBER, Rule

TASK_B = Reduction(task_b="0.99")
ABOUT = "A sturdy ceramic cup for every day. Dishwasher safe."


def second_of(tmp_path, first, second):
    """The answers of a leader's sibling, by key, and the prompts that were sent."""
    s2d = recogniser(tmp_path, TASK_B)
    found, _ = asyncio.run(s2d.recognise([first, second]))
    return {answer.key_id: answer for answer in found[1].answers}, s2d.discriminator.prompts


def test_the_words_are_aligned_as_the_examples_say():
    assert doctest.testmod(slots).failed == 0


def test_another_value_at_the_same_place_is_the_siblings_own(tmp_path):
    second = mug("i2", "A navy blue mug, 15 cm", f"Boxed. {ABOUT}")
    answers, _ = second_of(tmp_path, mug("i1", "A red mug, 12 cm", ABOUT), second)
    colour, height = answers["colour"], answers["height"]
    assert (colour.values, colour.value_ids) == (("Navy Blue",), ("c2",))
    assert (colour.source, colour.method) == ("aligned sibling i1", "neighbour")
    [words] = colour.evidence
    assert (words.source_field, second.title[words.start : words.end]) == ("title", "navy blue")
    assert height.values == ("15.0",) and height.source == "aligned sibling i1"


def test_a_code_is_told_from_other_codes_by_its_place(tmp_path):
    first = mug("i1", "Red mug M-300Y", ABOUT)
    second = mug("i2", "Red mug M-410Z", f"{ABOUT} Box code BX-9902.")
    answers, _ = second_of(tmp_path, first, second)
    assert answers["model"].source == "aligned sibling i1"
    assert answers["model"].values == ("M-410Z",)
    assert [one.source_field for one in answers["model"].evidence] == ["title"]


def test_a_merchants_attribute_is_a_place(tmp_path):
    first = mug("i1", "Mug", ABOUT, attributes={"colour": "red"})
    second = mug("i2", "Mug", ABOUT, attributes={"colour": "navy blue"})
    answers, _ = second_of(tmp_path, first, second)
    assert answers["colour"].values == ("Navy Blue",) and answers["colour"].source == "aligned sibling i1"
    assert [one.source_field for one in answers["colour"].evidence] == ["attributes.colour"]


def test_one_place_will_do_where_the_title_is_put_together_anew(tmp_path):
    first = mug("i1", "Red mug, new", f"{ABOUT} This one is red.")
    second = mug("i2", "New: navy blue, a mug", f"{ABOUT} This one is navy blue.")
    answers, _ = second_of(tmp_path, first, second)
    assert answers["colour"].values == ("Navy Blue",) and answers["colour"].source == "aligned sibling i1"


def told_of(first, second, place, value, words, computed=None):
    """What slots say of a key of the second, from an answer of the first's."""
    view = small.view()
    keys = list(view.keys)
    keys[place] = replace(keys[place], rule=computed or keys[place].rule)
    view = replace(view, keys=tuple(keys))
    evidence = []
    for name in ("title", "description"):
        raw = getattr(first, name)
        if words in raw:
            at = raw.index(words)
            evidence.append(Evidence(value, name, at, at + len(words), words))
    said = Answer(keys[place].key.key_id, (value,), ("",), tuple(evidence), 0.9, "ranker")
    here, there = noted(second, view), noted(first, view)
    pair = item_pairs(0, second, document(second), view, [{} for _ in keys], top_k=10).pairs[place]
    notes = here.notes[place], there.notes[place]
    found = slots.read(slots.Slot(keys[place], document(second), second, first, notes, pair.candidates), said)
    return found and found.values


HEIGHT, COLOUR = 2, 0


def test_two_measures_that_change_are_told_apart_by_their_places():
    first = mug("i1", "Mug", "It is 12 cm tall. Its box is 20 cm wide.")
    text = "It is 15 cm tall. Its box is 25 cm wide."
    assert told_of(first, mug("i2", "Mug", text), HEIGHT, "12.0", "12 cm") == ("15.0",)
    assert told_of(first, mug("i2", "Mug", f"{text} A lid of 9 cm."), HEIGHT, "12.0", "12 cm") is None
    size = (
        mug("i1", "Mug", "A fine mug, size EU42, for all."),
        mug("i2", "Mug", "A fine mug, size EU45, for all."),
    )
    assert told_of(*size, HEIGHT, "42", "42", Rule(NUMBER)) == ("45",)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("Red mug", "Comes with a red lid."), ("Teal mug", "Comes with a navy blue lid.")),
        (("Mug with red lid", "red lid included."), ("Mug without lid", "navy blue lid included.")),
        (("A red mug", "A red lid."), ("A mug without navy blue", "A navy blue lid.")),
    ],
)
def test_a_field_that_says_otherwise_or_nothing_speaks_against_a_place(first, second):
    word = "Red" if "Red" in first[0] else "red"
    first = mug("i1", first[0].replace("Red", "red"), first[1])
    assert told_of(first, mug("i2", *second), COLOUR, "Red", word.lower()) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("It is 12 cm tall. Its box is 20 cm wide.", "It is tall. Its box is 25 cm wide."),
        ("Size (H x W): 12 x 20 cm.", "Size (W x H): 25 x 15 cm."),
        ("Size (H x W x D): 12 x 20 x 5 cm.", "Size (W x H x D): 25 x 15 x 5 cm."),
        ("尺寸（高x宽）：12 x 20厘米。", "尺寸（宽x高）：25 x 15厘米。"),
        ("Height and width: 12 cm and 20 cm.", "Width and height: 25 cm and 15 cm."),
    ],
)
def test_numbers_in_a_row_are_told_by_all_that_names_them(first, second):
    words = "12 cm" if "12 cm" in first else "12"
    told = told_of(mug("i1", "Mug", first), mug("i2", "Mug", second), HEIGHT, "12.0", words)
    assert told in (None, ("15.0",))


def test_what_stands_beside_a_number_in_its_word_is_no_part_of_the_place():
    assert slots._without("a EU42 b", slots.Region("title", 2, 6), "EU", "") == slots.Region("title", 4, 6)


@pytest.mark.parametrize(
    ("title", "description"),
    [
        ("Mug in navy blue", ABOUT),  # nothing stands at the place
        (
            "Navy blue mug",
            f"{ABOUT} Also looks well beside a red one.",
        ),  # the reference's value is named as well
        ("Navy blue red mug", ABOUT),  # two values stand there
        ("Not navy blue mug", ABOUT),  # a negation came
        ("Never navy blue mug", ABOUT),  # a word that may be one
        ("Teal mug", ABOUT),  # no candidate of the key
        ("Navy blue and white mug", ABOUT),  # not that alone
        ("Navy blue mug" + " mug" * 200, ABOUT),  # aligning would take long
    ],
)
def test_what_cannot_be_told_is_asked(tmp_path, title, description):
    first = mug("i1", "Red mug" + " mug" * (200 if "mug mug" in title else 0), ABOUT)
    answers, prompts = second_of(tmp_path, first, mug("i2", title, description))
    assert not answers["colour"].source.startswith("aligned")
    assert any("Colour" in prompt for prompt in prompts)


@pytest.mark.parametrize(
    "title", ["Mug, 9 cm wide", "Mug, under 9 cm", "Mug, lid 9 cm", "Mug, 9 cm and 12 cm"]
)
def test_words_beside_a_measure_may_make_it_another_one(tmp_path, title):
    answers, _ = second_of(tmp_path, mug("i1", "Mug, 12 cm", ABOUT), mug("i2", title, ABOUT))
    assert not answers["height"].source.startswith("aligned")


@pytest.mark.parametrize(
    ("title", "description"),
    [
        ("Red mug 350ml", ABOUT),  # no code
        ("Red mug BX-9902", ABOUT),  # made up otherwise
        ("Red mug M-410Z", f"{ABOUT} Fits M-300Y."),  # the reference's code stands there too
    ],
)
def test_what_is_made_up_otherwise_is_no_code_of_the_family(tmp_path, title, description):
    first = mug("i1", "Red mug M-300Y", ABOUT)
    answers, _ = second_of(tmp_path, first, mug("i2", title, description))
    assert not answers["model"].source.startswith("aligned")


def test_a_merchants_attribute_must_say_the_value_alone(tmp_path):
    first = mug("i1", "Mug", ABOUT, attributes={"colour": "red"})
    second = mug("i2", "Mug", ABOUT, attributes={"colour": "not navy blue"})
    answers, _ = second_of(tmp_path, first, second)
    assert not answers["colour"].source.startswith("aligned")


def test_hostile_length_is_not_aligned(tmp_path):
    texts = [" ".join(f"w{n} {letter}{n}" for n in range(6_000)) for letter in "ab"]
    found = slots._region(
        Evidence("Red", "description", 3, 5, "a0"), mug("i2", "x", texts[1]), mug("i1", "x", texts[0])
    )
    assert found is None
    short = [" ".join(text.split()[:20]) for text in texts]
    place = slots._region(
        Evidence("Red", "description", 3, 5, "a0"), mug("i2", "x", short[1]), mug("i1", "x", short[0])
    )
    assert place == slots.Region("description", 3, 5)


def test_what_a_reference_was_lent_is_no_place(tmp_path):
    red = mug("i1", "Red mug", ABOUT)
    s2d = recogniser(tmp_path, TASK_B)
    found, _ = asyncio.run(s2d.recognise([red, replace(red, item_id="i2", title="Red mug, new")]))
    answer = {one.key_id: one for one in found[1].answers}["colour"]
    assert answer.source == "sibling i1"
    slot = slots.Slot(None, None, mug("i3", "Navy blue mug"), red, (None, None), ())  # type: ignore[arg-type]
    assert slots.read(slot, answer) is None


def test_what_slots_tell_is_not_ranked(tmp_path):
    s2d = recogniser(tmp_path, TASK_B)
    ranked, probabilities = [], s2d.ranker.probabilities

    def counted(pairs):
        ranked.append([candidate.value for pair in pairs for candidate in pair.candidates])
        return probabilities(pairs)

    s2d.ranker.probabilities = counted
    pair = [mug("i1", "A red mug, 12 cm", ABOUT), mug("i2", "A navy blue mug, 15 cm", f"Boxed. {ABOUT}")]
    found, usage = asyncio.run(s2d.recognise(pair))
    assert usage.pairs["aligned"] == 2 and len(found[1].answers) == len(found[0].answers)
    later = [value for values in ranked[1:] for value in values]
    assert "12.0" in ranked[0] and "15.0" not in later and "Navy Blue" not in later
