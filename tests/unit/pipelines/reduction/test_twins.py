"""Items with the same text are computed once, and say so; whatever differs at all is computed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pipelines.library.rows import Stamp, knowledge_rows
from pipelines.reduction.config import Reduction
from pipelines.reduction.earlier import before_of, with_fingerprints
from pipelines.reduction.twins import twins
from tests.unit.pipelines.reduction.mugs import mug, recogniser

TEXT = "A sturdy ceramic cup. It stands 12 cm tall. Model MX-41Z."
ITEMS = [
    mug("a", "Red mug", TEXT, spu_id=None),
    mug("b", "Red mug", TEXT, spu_id="other"),
    mug("c", "Red mug", f"{TEXT} ", spu_id=None),
    mug("d", "Red mug", TEXT, spu_id=None, price=4.0),
]
NEIGHBOURS = Reduction(neighbour_cosine=1.0)


def run(s2d, listings):
    found, usage = asyncio.run(s2d.recognise(listings))
    assert [one.item_id for one in found] == [one.item_id for one in listings]
    return [{answer.key_id: answer for answer in one.answers} for one in found], usage


def test_identifiers_and_measures_too_are_a_twins_own(tmp_path):
    s2d = recogniser(tmp_path, NEIGHBOURS)
    (a, b, c, d), usage = run(s2d, ITEMS)
    asked = len(s2d.discriminator.prompts)

    for twin in (b, d):
        for key, answer in twin.items():
            expected = replace(a[key], method="neighbour", source="twin a")
            assert answer == expected
    assert a["model"].values == b["model"].values == ("MX-41Z",)
    assert not any(answer.source.startswith("twin") for answer in (*a.values(), *c.values()))
    assert usage.pairs["twin"] == 2 * len(a)
    assert sum(usage.pairs.values()) == 4 * len(a)
    alone = recogniser(tmp_path / "alone", NEIGHBOURS)
    run(alone, [ITEMS[0], ITEMS[2]])
    assert asked == len(alone.discriminator.prompts)


def test_nothing_is_copied_where_nothing_may_be_lent(tmp_path):
    found, usage = run(recogniser(tmp_path, Reduction(shared_first=True)), ITEMS)
    assert usage.pairs["twin"] == 0 and not any(one.source for item in found for one in item.values())


def rows_before(s2d, listings):
    found, _ = asyncio.run(s2d.recognise(listings))
    stamp = Stamp("offline", 1, s2d.model, s2d.ontology_version, "run")
    return {
        listing.item_id: before_of(
            listing,
            with_fingerprints(
                knowledge_rows(listing, 0, answers, "", stamp), s2d.pair_prints(listing, answers)
            ),
        )
        for listing, answers in zip(listings, found, strict=True)
    }


def test_a_changed_item_takes_over_from_an_unchanged_one_that_says_the_same_and_stays_so(tmp_path):
    s2d = recogniser(tmp_path, NEIGHBOURS)
    then = [ITEMS[0], mug("e", "Steel cup", "Something else.", spu_id=None)]
    now = [replace(ITEMS[0], item_id="e", spu_id=None), ITEMS[0]]
    s2d.before = rows_before(s2d, then).get
    before = len(s2d.discriminator.prompts)

    (e, a), usage = run(s2d, now)

    assert len(s2d.discriminator.prompts) == before
    # What the change of its text cannot bear on stays its own.
    assert {key: answer.source for key, answer in e.items() if answer.values} == {
        key: "twin a" for key, answer in a.items() if answer.values
    }
    assert {answer.source for answer in e.values()} == {"twin a", "earlier text"}
    assert not any(answer.source for answer in a.values())
    assert sum(usage.pairs.values()) == len(e) + len(a)
    s2d.before = rows_before(s2d, now).get
    _, again = run(s2d, now)
    assert again.pairs["unchanged"] == len(e) + len(a) and len(s2d.discriminator.prompts) == before


def test_what_a_twin_was_lent_is_not_lent_on(tmp_path):
    s2d = recogniser(tmp_path, Reduction(task_b="0.99"))
    family = [mug("a", "Red mug", TEXT), mug("b", "Blue mug", TEXT), mug("c", "Blue mug", TEXT)]
    (_, b, c), usage = run(s2d, family)
    assert b["material"].source == "sibling a" and c["material"].source == "twin b, sibling a"
    assert usage.pairs["twin"] == len(c) and usage.tokens["encoded_texts"] == 2
    assert sum(usage.pairs.values()) == 3 * len(c)


def test_twins_of_one_family_whose_category_is_predicted(tmp_path):
    s2d = recogniser(tmp_path, Reduction(task_b="0.99"))
    (a, b), usage = run(s2d, [mug(name, "Red mug", TEXT, category_id=None) for name in "ab"])
    assert {answer.source for answer in b.values()} == {"twin a"} and len(a) == len(b)
    assert usage.pairs["twin"] == len(b) and usage.tokens["encoded_texts"] == 1


def test_what_a_twin_knew_itself_stays_its_own_and_who_knows_most_is_computed(tmp_path):
    s2d = recogniser(tmp_path, NEIGHBOURS)
    pair = [mug("a", "Red mug", TEXT, spu_id=None), mug("b", "Red mug", TEXT, spu_id=None)]
    held = {}
    for one in pair:  # each by itself, so that both were computed
        held |= rows_before(s2d, [one])
    lacking = {name: without(before, "material") for name, before in held.items()}
    lacking["a"] = without(lacking["a"], "colour")
    s2d.before = lacking.get
    asked = len(s2d.discriminator.prompts)

    (a, b), usage = run(s2d, pair)

    assert (
        len(s2d.discriminator.prompts) == asked + 2
    )  # one key; its reply is no answer, so it is asked again
    assert {key for key, answer in a.items() if answer.source} == {"material", "colour"}
    assert not any(answer.source for answer in b.values())
    assert usage.pairs["twin"] == 2 and sum(usage.pairs.values()) == len(a) + len(b)


def without(before, key):
    return replace(before, answers={name: answer for name, answer in before.answers.items() if name != key})


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ({0: 0, 1: 0, 2: 0, 3: 0}, {1: 0, 3: 0}),
        ({0: 0, 1: 4, 2: 9, 3: 4}, {0: 1, 3: 1}),
        ({0: 0, 1: 0}, {0: 3, 1: 3}),
        ({2: 0}, {}),
        ({1: 0, 3: 5}, {1: 0, 3: 0}),
        ({}, {}),
    ],
)
def test_who_is_known_answers_first(left, expected):
    assert twins(ITEMS, left) == expected
