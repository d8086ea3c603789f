"""Training questions: what is asked, what is true, and what must never be in them."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import pytest

from pipelines.models.labelled import LabelledSet, labelled_set
from pipelines.models.sft_data import Example, SftConfig, training_examples, written
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from schemas.listing import Listing
from schemas.ontology import AttributeKey, Category
from udfs.prompts import MAX_CANDIDATES, build_suffix
from udfs.replies import parse_reply
from udfs.text import fold

COLORS = ("red", "blue", "green", "black", "white")
MATERIALS = ("cotton", "linen", "wool", "steel")
HELD_OUT = frozenset(f"item-{number}" for number in range(0, 60, 5))


@pytest.fixture(scope="module")
def shirts() -> LabelledSet:
    """60 shirts; color is always stated, a second material at times, size never; a fifth is held out."""
    listings, gold = [], {}
    for n in range(60):
        item_id, color, material = f"item-{n}", COLORS[n % 5], MATERIALS[n % 4]
        both = [material, MATERIALS[(n + 1) % 4]] if n % 3 == 0 else [material]
        listings.append(
            Listing(item_id, f"{color} shirt of {' and '.join(both)}, secret{n}", category_id="shirt")
        )
        gold[item_id] = {"color": [color], "material": both, "size": []}
    keys = [AttributeKey("shirt", key, key.title()) for key in ("color", "material", "size")]
    links = tuple(CategoryKey(key, key.key_id) for key in keys)
    sets = {
        "color": ValueSet("color", "Color", tuple(Value(f"c{i}", text, 1) for i, text in enumerate(COLORS))),
        "material": ValueSet("material", "Material", (Value("m", "steel", 1, ("stainless",)),)),
        "size": ValueSet("size", "Size", (Value("s", "XL", 1),)),
    }
    snapshot = Snapshot("v1", {"shirt": Category("shirt", "Shirt")}, {"shirt": links}, sets)
    return labelled_set("shirts", snapshot, listings, gold, HELD_OUT)


def drawn(labelled: LabelledSet, count: int = 200, **settings: float) -> list[Example]:
    return list(itertools.islice(training_examples([labelled], [1.0], SftConfig(**settings)), count))  # type: ignore[arg-type]


def test_held_out_items_are_never_trained_on_nor_their_values_known(shirts: LabelledSet) -> None:
    texts = json.dumps([written(example) for example in drawn(shirts)])
    assert not {example.item_id for example in drawn(shirts)} & HELD_OUT
    assert not any(f"secret{n}," in texts or f"secret{n}\\" in texts for n in range(0, 60, 5))
    assert set(shirts.held_out_ids) == HELD_OUT and len(shirts.train_ids) == 48


def test_the_ontology_counts_training_gold_alone_and_keeps_synonyms(shirts: LabelledSet) -> None:
    color, material, size = shirts.views.of("shirt").keys
    counted = Counter(value for item_id in shirts.train_ids for value in shirts.gold[item_id]["color"])
    assert {value.text: value.frequency for value in color.values} == counted
    assert {value.text: value.synonyms for value in material.values}["steel"] == ("stainless",)
    assert size.values == ()
    assert shirts.several == {("shirt", "material")}


def test_answers_are_what_gold_says_of_the_offered_candidates(shirts: LabelledSet) -> None:
    for example in drawn(shirts, gold_left_out=0.0, injected=0.0):
        for asked in itertools.chain(*example.requests):
            gold = {fold(value) for value in shirts.gold[example.item_id][asked.question.key_id]}
            chosen = {fold(asked.question.candidates[number]) for number in asked.choice}
            offered = {fold(value) for value in asked.question.candidates}
            assert chosen == gold & offered
            assert 1 <= len(asked.question.candidates) <= MAX_CANDIDATES
            assert asked.question.multi or len(asked.choice) <= 1


def test_none_is_taught_by_leaving_gold_out(shirts: LabelledSet) -> None:
    def none_share(left_out: float) -> float:
        examples = drawn(shirts, gold_left_out=left_out, unstated_share=0.0)
        answers = [asked.choice for example in examples for asked in itertools.chain(*example.requests)]
        return answers.count(()) / len(answers)

    assert none_share(0.0) == 0.0
    assert 0.25 < none_share(0.4) < 0.55


def test_the_right_place_is_no_hint(shirts: LabelledSet) -> None:
    places = Counter(
        asked.choice[0] / (len(asked.question.candidates) - 1)
        for example in drawn(shirts)
        for asked in itertools.chain(*example.requests)
        if len(asked.choice) == 1 and len(asked.question.candidates) > 1
    )
    assert abs(places[0.0] - places[1.0]) < 0.35 * (places[0.0] + places[1.0])


def test_examples_depend_on_the_seed_and_their_number_alone(shirts: LabelledSet) -> None:
    whole = drawn(shirts, 30)
    rest = training_examples([shirts], [1.0], SftConfig(), skip=10)
    assert list(itertools.islice(rest, 20)) == whole[10:]
    assert drawn(shirts, 30, seed=1) != whole


def test_injected_orders_change_the_text_and_no_answer(shirts: LabelledSet) -> None:
    plain, hostile = drawn(shirts, 40, injected=0.0), drawn(shirts, 40, injected=1.0)
    changed = [a.shared_text != b.shared_text for a, b in zip(plain, hostile, strict=True)]
    assert all(changed)
    for example in hostile:
        assert len(str(written(example)["prefix"]).split("\n")) <= 3


def test_a_written_example_is_prompt_and_reply_as_in_inference(shirts: LabelledSet) -> None:
    line = written(drawn(shirts, 1)[0])
    requests = line["requests"]
    assert isinstance(requests, list)
    for request, asked in zip(requests, drawn(shirts, 1)[0].requests, strict=True):
        questions = [one.question for one in asked]
        assert request["prompt"] == build_suffix(questions)
        assert parse_reply(request["reply"], questions) == [one.choice for one in asked]
