"""Recognition with load taken off: what is lent, what is asked, that nothing changes with everything off, and what rows say."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pipelines.library.rows import Stamp, knowledge_rows
from pipelines.library.s2d import S2D
from pipelines.ontology.errors import ModelMismatch
from pipelines.reduction.config import Reduction
from pipelines.reduction.earlier import before_of, fingerprints, with_fingerprints
from pipelines.reduction.lend import is_own
from tests.unit.pipelines.library import small
from tests.unit.pipelines.reduction.mugs import Model, Ranker, heads, mug, nothing, recogniser

TEXT = "A sturdy ceramic cup for every day of the week. Dishwasher safe. It stands 12 cm tall."
FAMILY = [
    mug("i1", "Red mug", TEXT),
    mug("i2", "Navy blue mug", TEXT),
    mug("i3", "Red mug, new", TEXT),
    mug("i4", "Steel cup", "Something else.", spu_id=None),
]
TASK_B = Reduction(task_b="0.99")


def said(found):
    return {answer.key_id: answer for answer in found.answers}


def run(s2d, listings):
    found, usage = asyncio.run(s2d.recognise(listings))
    assert [one.item_id for one in found] == [one.item_id for one in listings]
    return [said(one) for one in found], usage


def test_with_everything_off_it_answers_as_s2d_does(tmp_path):
    plain = recogniser(tmp_path)
    s2d = S2D(plain.config, plain.release, Ranker(), "m + d", "words", small.embed, Model(), nothing)
    expected, spent = asyncio.run(s2d.recognise(FAMILY))
    found, usage = asyncio.run(plain.recognise(FAMILY))
    assert found == expected and usage.pairs == spent.pairs
    assert plain.discriminator.prompts == s2d.discriminator.prompts
    # And so does the reduced way where nothing can be left out: the same items, narrowed to all their keys.
    lonely = [replace(item, spu_id=None) for item in FAMILY]
    reduced = recogniser(tmp_path / "b", TASK_B)
    assert asyncio.run(reduced.recognise(lonely))[0] == asyncio.run(s2d.recognise(lonely))[0]


def test_a_sibling_takes_over_what_the_difference_does_not_touch(tmp_path):
    s2d = recogniser(tmp_path, TASK_B)
    (first, second, third, alone), usage = run(s2d, FAMILY)
    assert first["colour"].values == ("Red",) and first["material"].values == ("Ceramic",)
    assert first["colour"].source == "" and first["colour"].method == "ranker"
    assert second["colour"].values == ("Navy Blue",) and second["colour"].source == "aligned sibling i1"
    assert second["material"].values == ("Ceramic",)
    assert (second["material"].source, second["material"].method) == ("sibling i1", "neighbour")
    assert {key for key, answer in third.items() if answer.source} == set(third)
    assert not any(answer.source for answer in alone.values())
    taken = sum(
        bool(answer.source) for answers in (first, second, third, alone) for answer in answers.values()
    )
    assert usage.pairs["sibling"] == 4 + 5 and usage.pairs["aligned"] == 1
    assert usage.pairs["sibling"] + usage.pairs["aligned"] == taken
    whole = recogniser(tmp_path / "whole")
    run(whole, FAMILY)
    assert len(s2d.discriminator.prompts) < len(whole.discriminator.prompts)


def test_what_is_taken_over_stands_in_the_items_own_words(tmp_path):
    s2d = recogniser(tmp_path, TASK_B)
    moved = f"New this year. {TEXT}"
    (_, second), _ = run(s2d, [FAMILY[0], mug("i2", "Navy blue mug", moved)])
    (evidence,) = second["material"].evidence
    assert moved[evidence.start : evidence.end] == evidence.words == "ceramic"
    assert second["material"].confidence < 1
    # Words that stand twice, or no longer, are not evidence: the pair is asked.
    (_, twice), _ = run(
        recogniser(tmp_path / "b", TASK_B), [FAMILY[0], mug("i2", "Red mug", f"ceramic, {TEXT}")]
    )
    assert twice["material"].source == "" and twice["material"].values == ("Ceramic",)


def test_an_identifier_is_asked_where_the_texts_hold_other_codes(tmp_path):
    codes = ["", " M-300Y", ""]
    titles = ["Red mug", "Red mug", "Red mug, new"]
    (first, other, same), _ = run(
        recogniser(tmp_path, TASK_B),
        [mug(f"i{n}", title, TEXT + code) for n, (title, code) in enumerate(zip(titles, codes, strict=True))],
    )
    assert first["model"].values == () and other["model"].values == ("M-300Y",)
    assert other["model"].source == "" and other["material"].source == "sibling i0"
    assert same["model"].source == "sibling i0"


def test_a_neighbour_lends_no_measure_no_identifier_and_nothing_that_differs(tmp_path):
    # The text that is encoded is long, so a changed word leaves the items near each other.
    items = [replace(item, spu_id=None) for item in FAMILY[:3]]
    (first, second, third), usage = run(recogniser(tmp_path, Reduction(neighbour_cosine=0.7)), items)
    assert third["colour"].source == third["material"].source == "neighbour i1"
    assert third["height"].source == "" and third["model"].source == ""
    assert third["height"].values == first["height"].values == ("12.0",)
    assert second["colour"].values == ("Navy Blue",) and second["colour"].source == ""
    assert second["material"].source == "neighbour i1"
    assert second["_scenario"].source == third["_scenario"].source == "neighbour i1"
    assert usage.pairs["neighbour"] == 2 + 3
    (_, far, _), usage = run(recogniser(tmp_path / "b", Reduction(neighbour_cosine=1.0)), items)
    assert usage.pairs["neighbour"] == 0 and far["material"].source == ""


def test_task_a_leaves_irrelevant_keys_unasked(tmp_path):
    s2d = recogniser(tmp_path, Reduction(task_a="0.99"))
    (found,), usage = run(s2d, FAMILY[:1])
    assert found["colour"].values == ("Red",)
    height = found["height"]
    assert (height.values, height.method, height.source) == ((), "none", "relevance r1")
    assert height.confidence == pytest.approx(0.9)
    assert found["_scenario"].source == ""
    assert usage.pairs["relevance"] == 2 and "Height" not in "".join(s2d.discriminator.prompts)


def test_the_same_items_end_the_same_however_often_and_beside_whom(tmp_path):
    s2d = recogniser(tmp_path, TASK_B)
    first, _ = run(s2d, FAMILY)
    again, _ = run(s2d, FAMILY)
    assert first == again
    reordered, _ = run(s2d, [FAMILY[3], *FAMILY[:3]])
    assert reordered[1:] == first[:3]


def test_rows_say_from_where_they_came(tmp_path):
    found, _ = asyncio.run(recogniser(tmp_path, Reduction(task_a="0.99", task_b="0.99")).recognise(FAMILY))
    stamp = Stamp("offline", 1, "m + d", "v1", "run")
    rows = {row.attr_id: row for row in knowledge_rows(FAMILY[1], 5, found[1], "f" * 32, stamp)}
    assert rows["colour"].provenance.model == "m + d; from aligned sibling i1"
    assert rows["material"].provenance.model == "m + d; from sibling i1"
    assert rows["material"].provenance.method == "neighbour"
    first = {row.attr_id: row for row in knowledge_rows(FAMILY[0], 5, found[0], "f" * 32, stamp)}
    assert first["height"].provenance.model == "m + d; from relevance r1"


def test_switches_without_a_model_and_models_of_another_encoder_are_refused(tmp_path):
    plain = recogniser(tmp_path)
    parts = (plain.config, plain.release, Ranker(), "m + d", "words", small.embed, Model(), nothing)
    from pipelines.reduction.reduced import ReducedS2D

    with pytest.raises(ValueError, match="need the relevance model"):
        ReducedS2D(*parts, reduction=TASK_B)
    with pytest.raises(ValueError, match=r"no threshold for a recall of '0\.5': there are 0\.99"):
        ReducedS2D(*parts, reduction=Reduction(task_a="0.5"), heads=heads())
    with pytest.raises(ModelMismatch):
        ReducedS2D(*parts[:4], "other", *parts[5:], heads=heads())
    with pytest.raises(ValueError, match="a cosine"):
        Reduction(neighbour_cosine=7)


class Tables:
    """What `items` and `item_knowledge` hold after a run."""

    def __init__(self) -> None:
        self.held = {}

    def __call__(self, item_id):
        return self.held.get(item_id)

    def keep(self, s2d, listings, found):
        stamp = Stamp("offline", 1, s2d.model, "v1", "run")
        for listing, answers in zip(listings, found, strict=True):
            slices = s2d.slices.of(s2d.views.of(answers.category_id))
            prints = fingerprints(listing, answers.answers, slices, s2d.models)
            rows = knowledge_rows(listing, 5, answers, "", stamp)
            self.held[listing.item_id] = before_of(listing, with_fingerprints(rows, prints))


def second_run(tmp_path, changed, model="m + d", reduction=TASK_B, mode="all", family=FAMILY):
    """A first run over the family, then one over other states of it: answers, usage, the recogniser."""
    tables = Tables()
    first = recogniser(tmp_path / "1", reduction, mode, tables)
    found, _ = asyncio.run(first.recognise(family))
    tables.keep(first, family, found)
    second = recogniser(tmp_path / "2", reduction, mode, tables, model)
    again, usage = asyncio.run(second.recognise(changed))
    return [said(one) for one in found], [said(one) for one in again], usage, second


def values(found):
    return [{key: answer.values for key, answer in one.items()} for one in found]


def test_nothing_changed_costs_nothing(tmp_path):
    first, again, usage, s2d = second_run(tmp_path, FAMILY)
    assert s2d.discriminator.prompts == [] and usage.tokens == {}
    assert usage.pairs == {"unchanged": 20, "moved": 0}
    assert values(again) == values(first)
    assert again[1]["material"].source == "sibling i1"
    # A new price, a new time: recognition never looks at them.
    priced = [replace(item, price=9.5, event_time="2026-11-02T00:00:00Z") for item in FAMILY]
    _, _, usage, s2d = second_run(tmp_path / "priced", priced)
    assert s2d.discriminator.prompts == [] and usage.pairs["unchanged"] == 20


def test_a_changed_line_touches_only_the_keys_it_can_affect(tmp_path):
    taller = [replace(FAMILY[0], description=TEXT.replace("12 cm", "15 cm")), *FAMILY[1:]]
    _, again, usage, s2d = second_run(tmp_path, taller)
    height = again[0]["height"]
    assert height.values == ("15.0",) and height.source == "aligned earlier text"
    assert [taller[0].description[one.start : one.end] for one in height.evidence] == ["15 cm"]
    assert again[0]["material"].source == "earlier text" and again[0]["colour"].source == "earlier text"
    assert usage.pairs["unchanged"] == 15 and usage.pairs["moved"] == 4 and usage.pairs["aligned"] == 1
    assert s2d.discriminator.prompts == []
    # What was read in an earlier text is computed again from a text after that: it is no answer of the item's own words.
    assert not is_own(height)


def test_a_line_that_says_something_new_is_asked(tmp_path):
    wider = [replace(FAMILY[0], description=f"{TEXT} Its box: 20 cm."), *FAMILY[1:]]
    _, again, _, s2d = second_run(tmp_path, wider)
    assert "20.0" in again[0]["height"].values and again[0]["height"].source == ""
    assert s2d.discriminator.prompts and all("Height" in prompt for prompt in s2d.discriminator.prompts)


def test_a_number_stands_where_it_stood_whatever_changed_in_its_sentence(tmp_path):
    family = [replace(one, description="In red, it is 12 cm tall; a mug of 300 g.") for one in FAMILY]
    lighter = [replace(family[0], description="In red, it is 12 cm tall; a mug of 280 g."), *family[1:]]
    _, again, _, s2d = second_run(tmp_path, lighter, family=family)
    assert again[0]["height"].values == ("12.0",) and again[0]["height"].source == "earlier text"
    assert not any("Height" in prompt for prompt in s2d.discriminator.prompts)


def test_an_unchanged_sibling_answers_for_a_changed_one(tmp_path):
    redder = [FAMILY[0], replace(FAMILY[1], title="Red mug, old"), *FAMILY[2:]]
    _, again, usage, s2d = second_run(tmp_path, redder)
    assert s2d.discriminator.prompts == []
    assert again[1]["colour"].values == ("Red",) and again[1]["colour"].source == "sibling i1"
    assert usage.pairs["unchanged"] == 15
    # Without its siblings in the call, it is asked.
    _, alone, _, s2d = second_run(tmp_path / "alone", [redder[1]])
    assert alone[0]["colour"].source == "" and s2d.discriminator.prompts


def test_what_an_unchanged_sibling_was_lent_it_does_not_hand_on(tmp_path):
    # Nothing of the second's title stands where the first says its colour, so that it was asked itself.
    reworded = [FAMILY[0], replace(FAMILY[1], title="Mug in Navy blue"), *FAMILY[2:]]
    bluer = [replace(FAMILY[0], title="Navy blue mug"), *reworded[1:]]
    _, again, _, s2d = second_run(tmp_path, bluer, family=reworded)
    assert again[0]["colour"].values == ("Navy Blue",) and again[0]["colour"].source == "sibling i2"
    assert again[0]["material"].source == "earlier text" and s2d.discriminator.prompts == []
    # The third's colour came from the first, so it is none that the second could take over.
    redder = [mug("i1", "Steel cup", "Other."), replace(FAMILY[1], title="Red mug, old"), *FAMILY[2:]]
    first, again, _, s2d = second_run(tmp_path / "b", redder)
    assert first[2]["colour"].source == "sibling i1"
    assert again[1]["colour"].values == ("Red",) and again[1]["colour"].source == ""
    assert s2d.discriminator.prompts


def test_few_of_a_large_family_are_encoded_once_more(tmp_path):
    family = [mug(f"i{n:02}", "Red mug" if n % 3 else "Mug in Navy blue", TEXT) for n in range(30)]
    changed = [*family[:-1], replace(family[-1], title="Navy blue mug")]
    _, again, usage, s2d = second_run(tmp_path, changed, family=family)
    assert again[-1]["colour"].values == ("Navy Blue",) and s2d.discriminator.prompts == []
    assert 2 <= usage.tokens["encoded_texts"] <= 3


def test_a_witness_that_cannot_lend_makes_nobody_wait(tmp_path):
    family = [mug(f"i{n}", "Red mug", TEXT) for n in range(8)]
    twice = [family[0], *(replace(one, description=f"ceramic, {TEXT}") for one in family[1:])]
    _, again, _, s2d = second_run(tmp_path, twice, family=family)
    assert all(one["material"].values == ("Ceramic",) for one in again)
    # Of one item, and there once more, as the model's replies are none.
    assert sum("Material" in prompt for prompt in s2d.discriminator.prompts) == 2


def test_another_model_computes_again_what_it_answered(tmp_path):
    _, _, usage, _ = second_run(tmp_path, FAMILY, model="m2 + d")
    assert usage.pairs["unchanged"] == 0
    _, _, usage, s2d = second_run(tmp_path / "d", FAMILY, model="m + d2")
    # The first model's replies were no answers: no answer of it can be out of date.
    assert usage.pairs["unchanged"] == 20 and s2d.discriminator.prompts == []


def test_a_predicted_category_stands_while_text_ontology_and_models_do(tmp_path):
    tables = {}
    s2d = recogniser(tmp_path)
    nameless = replace(FAMILY[0], category_id=None)
    found, _ = asyncio.run(s2d.recognise([nameless]))
    assert found[0].category_id == "mugs"
    rows = knowledge_rows(nameless, 5, found[0], "", Stamp("offline", 1, s2d.model, "v1", "run"))
    rows = with_fingerprints(rows, s2d.pair_prints(nameless, found[0]))
    assert {row.attr_id for row in rows} == {*said(found[0]), "_category"}
    tables[nameless.item_id] = (nameless, rows)

    again = recogniser(tmp_path / "again")
    again.remember(tables)
    kept, usage = asyncio.run(again.recognise([nameless]))
    assert again.discriminator.prompts == [] and usage.tokens == {}
    assert kept[0].category_confidence == pytest.approx(found[0].category_confidence, abs=1e-4)
    assert usage.pairs["unchanged"] == 5 and values([said(kept[0])]) == values([said(found[0])])
    # Another text is predicted again, and keeps what the change cannot bear on.
    other = replace(nameless, description=TEXT.replace("12 cm", "15 cm"))
    changed, usage = asyncio.run(again.recognise([other]))
    assert changed[0].category_id == "mugs" and usage.tokens["encoded_texts"] == 1
    assert usage.pairs["moved"] == 4 and said(changed[0])["height"].values == ("15.0",)
    # With other models nothing that they answered is kept, and the category is predicted again.
    newer = recogniser(tmp_path / "newer", model="m2 + d")
    newer.remember(tables)
    _, usage = asyncio.run(newer.recognise([nameless]))
    assert usage.pairs["unchanged"] == 0 and usage.tokens["encoded_texts"] == 1
    newer.remember({})
    assert newer.before is None


def test_what_was_lent_and_then_moved_says_both(tmp_path):
    first, _, _, _ = second_run(tmp_path, FAMILY)
    assert first[2]["colour"].source == "sibling i1"
    longer = [*FAMILY[:2], replace(FAMILY[2], description=TEXT.replace("12 cm", "15 cm")), FAMILY[3]]
    _, again, usage, _ = second_run(tmp_path / "b", longer)
    assert again[2]["colour"].source == "earlier text, sibling i1"
    assert usage.pairs["moved"] == 4


def test_answers_that_stand_do_not_outlive_the_switches_that_lent_them(tmp_path):
    tables = Tables()
    first = recogniser(tmp_path / "1", TASK_B, before=tables, model="m + d; reduced: task B 0.99")
    found, _ = asyncio.run(first.recognise(FAMILY))
    tables.keep(first, FAMILY, found)
    plain = recogniser(tmp_path / "2", before=tables)
    _, usage = asyncio.run(plain.recognise(FAMILY))
    lent = sum(answer.source != "" for one in found for answer in one.answers)
    assert lent == 10 and usage.pairs["unchanged"] == 20 - lent
