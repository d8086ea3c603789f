"""The parts of reduction: differences of texts, evidence that moves, neighbours, narrowed categories, prompts of families."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.library.answers import Answer
from pipelines.library.calibration import DISCRIMINATOR
from pipelines.library.keys import category_view
from pipelines.library.pairs import item_pairs
from pipelines.reduction.config import Reduction
from pipelines.reduction.difference import noted, touched
from pipelines.reduction.family_texts import family_texts
from pipelines.reduction.fingerprint import Models, Slices, pair_fingerprint, slice_digest
from pipelines.reduction.lend import lent, said_alike, standing
from pipelines.reduction.narrow import NarrowedViews, narrowed
from pipelines.reduction.neighbours import NeighbourIndex
from pipelines.reduction.references import Reference, Subject, references
from schemas.knowledge import Evidence
from tests.unit.pipelines.library import small
from tests.unit.pipelines.reduction.mugs import KEYS, mug
from udfs.document import document

VIEW = small.view()
BASE = mug(
    "i1", "Red ceramic mug M-200X", "A cup for every day. 12 cm tall.", attributes={"Care": "dishwasher"}
)


def bears(**changes) -> set[str]:
    found = touched(noted(BASE, VIEW), noted(replace(BASE, **changes), VIEW), VIEW)
    return {key for key, one in zip(KEYS, found, strict=True) if one}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, set()),
        ({"price": 5.0, "item_id": "other"}, set()),
        ({"description": "A cup for any day. 12 cm tall."}, set()),
        ({"title": "Navy blue ceramic mug M-200X"}, {"colour", "model"}),
        ({"title": "红色 ceramic mug M-200X"}, {"colour", "model"}),  # a synonym in characters, not in words
        ({"description": "A cup for every day. 15 cm tall."}, {"height"}),
        ({"description": "A cup for every day. 120 mm tall."}, set()),  # the same height in another unit
        ({"description": "A cup for every day. 12 cm tall. Also M-300Y."}, {"model"}),
        ({"description": "A gift for her. A cup for every day. 12 cm tall."}, {"_scenario"}),
        ({"attributes": {"Care": "dishwasher", "Material": "stoneware"}}, {"material"}),
        ({"attributes": {"Care": "by hand"}}, set()),
        ({"description": "Material as shown. A cup for every day. 12 cm tall."}, {"material"}),
        (
            {"title": "Not red ceramic mug M-200X"},
            {"colour", "material", "model"},
        ),  # what "not" stands beside
    ],
)
def test_a_difference_touches_only_keys_that_it_can_bear_on(changes, expected):
    assert bears(**changes) == expected


def test_texts_of_other_keys_cannot_be_compared():
    narrow = narrowed(VIEW, (0, 1))
    with pytest.raises(ValueError, match="other keys"):
        touched(noted(BASE, narrow), noted(BASE, VIEW), VIEW)


RED = Answer(
    "colour", ("Red",), ("c1",), (Evidence("Red", "title", 0, 3, "Red"),), 0.9, "ranker", chances=(0.9,)
)


def test_an_answer_is_lent_with_evidence_in_the_borrowers_words():
    same = lent(RED, mug("i2", "Red mug"), "sibling", "i1", 0.5)
    assert same == replace(RED, method="neighbour", confidence=0.45, chances=(0.45,), source="sibling i1")
    moved = lent(RED, mug("i2", "Mug, Red"), "neighbour", "i1")
    assert moved is not None and moved.evidence == (Evidence("Red", "title", 5, 8, "Red"),)
    assert lent(RED, mug("i2", "Blue mug", "Red"), "sibling", "i1") is None
    assert lent(RED, mug("i2", "A Red, Red mug"), "sibling", "i1") is None
    unstated = Answer("colour", (), (), (), 0.8, "ranker")
    assert lent(unstated, mug("i2", "Mug"), "sibling", "i1") is not None


def test_of_several_words_that_support_a_value_one_must_stand():
    twice = replace(RED, evidence=(*RED.evidence, Evidence("Red", "description", 4, 7, "red")))
    borrowed = lent(twice, mug("i2", "A mug", "The red one."), "sibling", "i1")
    assert borrowed is not None and [one.source_field for one in borrowed.evidence] == ["description"]
    assert lent(twice, mug("i2", "A mug", "The one."), "sibling", "i1") is None
    two = replace(
        twice, values=("Red", "Blue"), evidence=(*twice.evidence, Evidence("Blue", "title", 8, 12, "Blue"))
    )
    assert lent(two, mug("i2", "Red mug"), "sibling", "i1") is None


LENDER = mug(
    "i1", "Phone 8GB RAM 128GB", "Fast. With 8 GB of RAM. 128GB inside.", attributes={"Memory": "8GB"}
)


def ram(*places: tuple[str, str]) -> Answer:
    fields = {"title": LENDER.title, "description": LENDER.description, "attributes.Memory": "8GB"}
    evidence = [
        Evidence("8", name, at := fields[name].index(words), at + len(words), words) for name, words in places
    ]
    return Answer("ram", ("8",), ("",), tuple(evidence), 0.9, "extraction")


@pytest.mark.parametrize(
    ("title", "description", "expected"),
    [
        ("Phone 256GB 8 GB RAM", "New. With 8 GB of RAM. 256GB inside.", True),
        (
            "Phone 12GB RAM 256GB",
            "New. With 8 GB of RAM. 256GB inside.",
            False,
        ),  # the title now names another
        ("Phone 18GB RAM", "New. With 8 GB of RAM.", False),
        ("Phone 8GB RAM", "New. Has 8 GB of RAM.", False),  # said, but in no sentence that both have
    ],
)
def test_a_number_is_said_alike_in_one_sentence_and_wherever_else_it_was(title, description, expected):
    told = ram(("title", "8GB"), ("description", "8 GB"))
    assert said_alike(told, mug("i2", title, description), LENDER) is expected


def test_an_attribute_is_a_sentence_and_nothing_said_is_not_alike():
    told = ram(("attributes.Memory", "8GB"))
    assert said_alike(told, mug("i2", "Phone", attributes={"Memory": "8GB"}), LENDER)
    assert not said_alike(told, mug("i2", "Phone", attributes={"Memory": "8GB or 12GB"}), LENDER)
    assert not said_alike(told, mug("i2", "Phone"), LENDER)
    assert not said_alike(Answer("ram", (), (), (), 0.9, "ranker"), LENDER, LENDER)


def test_evidence_stands_in_every_text_field_and_never_in_an_image():
    item = mug("i", "T", "D", brand="B", attributes={"a": "red"})
    fields = {"title": "T", "description": "D", "brand": "B", "attributes.a": "red"}
    for name, words in fields.items():
        assert standing(Evidence("v", name, 0, len(words), words), item) is not None
    assert standing(Evidence("v", "attributes.b", 0, 3, "red"), item) is None
    assert standing(Evidence("v", "images.1", 0, 3, "red"), item) is None
    assert standing(Evidence("v", "title", 0, 0, ""), item) is None


def unit(*numbers: float) -> np.ndarray:
    row = np.float32(numbers)
    return row / np.linalg.norm(row)


def test_the_nearest_item_is_of_the_same_category_and_as_exact_search_has_it():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = NeighbourIndex()
    assert index.nearest("a", rows[0]) is None
    for number, row in enumerate(rows):
        assert index.add("ab"[number % 2], str(number), row)
    for query in rng.normal(size=(20, 8)).astype(np.float32):
        cosines = rows[::2] @ query
        name, cosine = index.nearest("a", query)
        assert int(name) == 2 * int(np.argmax(cosines)) and cosine == pytest.approx(
            float(cosines.max()), abs=1e-5
        )
    assert len(index) == 300
    full = NeighbourIndex(room=1)
    assert full.add("a", "1", rows[0]) and not full.add("a", "2", rows[1]) and len(full) == 1


def test_references_are_computed_items_of_the_same_category_family_first():
    a, near, far = unit(1, 0, 0), unit(1, 0.1, 0), unit(0, 1, 0)
    items = [
        Subject("i0", "mugs", "s", a),
        Subject("i1", "mugs", "s", far),
        Subject("i2", "mugs", None, near),
        Subject("i3", "cups", "s", a),
        Subject("i4", "mugs", "t", near),
        Subject("i0", "mugs", "s", a),
    ]
    both = references(items, Reduction(task_b="x", neighbour_cosine=0.9))
    assert both[0] is None and both[3] is None
    assert both[1] == Reference(0, "sibling", 0.0)
    assert both[2] is not None and (both[2].place, both[2].kind) == (0, "neighbour")
    assert both[4] is not None and both[4].place == 0
    assert both[5] is None  # another state of the very item
    assert references(items, Reduction()) == [None] * 6
    alone = references(items[:3], Reduction(neighbour_cosine=0.9))
    assert [one and one.place for one in alone] == [None, None, 0]
    # A lender is never lent to.
    lenders = {one.place for one in both if one}
    assert all(both[place] is None for place in lenders)


def test_a_narrowed_category_finds_what_the_whole_one_finds():
    item = small.listing("Red ceramic mug", "12 cm. Material: steel", attributes={"Colour": "navy blue"})
    found = document(item)
    whole = item_pairs(0, item, found, VIEW, [{}] * 5)
    for places in ((2, 0), (1,), (0, 1, 2, 3, 4), ()):
        part = item_pairs(0, item, found, narrowed(VIEW, places), [{}] * len(places))
        for place, pair in zip(places, part.pairs, strict=True):
            assert pair.candidates == whole.pairs[place].candidates
            assert pair.tokens == whole.pairs[place].tokens and pair.numbers == whole.pairs[place].numbers
    views = NarrowedViews(room=1)
    assert views.of(VIEW, (0, 1, 2, 3, 4)) is VIEW
    first = views.of(VIEW, (0,))
    assert views.of(VIEW, (0,)) is first
    views.of(VIEW, (1,))
    assert views.of(VIEW, (0,)) is not first


def test_siblings_prompts_begin_with_what_they_share_sentence_by_sentence():
    text = "Sturdy. The lid is {0}. For every day.\nShips today"
    items = [
        mug(f"i{n}", f"{colour} mug", text.format(colour), attributes={"Care": "by hand", "Shade": colour})
        for n, colour in enumerate(("red", "blue", "grey"))
    ]
    texts = family_texts([document(item) for item in items])
    assert {shared for shared, _ in texts} == {"Sturdy. | For every day. | Ships today | Care: by hand"}
    assert texts[1][1] == "blue mug | The lid is blue. | Shade: blue"
    ((whole, own),) = family_texts([document(items[0])])
    assert own == "" and "red mug" in whole and "Shade: red" in whole
    # What a member says twice and another once is shared once.
    twice = [mug("a", "A", "Yes. Yes. No."), mug("b", "B", "Yes. No.")]
    assert family_texts([document(item) for item in twice]) == [
        ("Yes. | No.", "A | Yes."),
        ("Yes. | No.", "B"),
    ]


def test_a_fingerprint_follows_the_inputs_of_its_pair():
    colour, material = VIEW.keys[0], VIEW.keys[1]
    assert slice_digest(VIEW, colour) == slice_digest(small.view(), small.view().keys[0])
    old = small.snapshot()
    values = old.value_sets["colours"]
    more = replace(values, values=(*values.values, replace(values.values[0], value_id="c9", text="Teal")))
    new = category_view(replace(old, value_sets={**old.value_sets, "colours": more}), "mugs")
    assert slice_digest(new, new.keys[0]) != slice_digest(VIEW, colour)
    assert slice_digest(new, new.keys[1]) == slice_digest(VIEW, material)
    prints = {
        pair_fingerprint(*inputs)
        for inputs in (("t", "s", "m"), ("u", "s", "m"), ("t", "v", "m"), ("t", "s", "n"))
    }
    assert len(prints) == 4 and pair_fingerprint("t", "s", "m") in prints
    models = Models("ranker", "model", "switches")
    assert models.behind(RED) == "ranker"
    assert models.behind(replace(RED, method=DISCRIMINATOR, prompt_version="p1")) == "ranker + model + p1"
    assert models.behind(replace(RED, method="extraction", prompt_version="p1")) == "ranker + model + p1"
    assert models.behind(replace(RED, source="sibling i1")) == "ranker + switches"
    assert models.behind(replace(RED, source="earlier text")) == "ranker"
    slices = Slices(room=1)
    assert slices.of(VIEW)["colour"] == slice_digest(VIEW, colour) and slices.of(VIEW) is slices.of(VIEW)
