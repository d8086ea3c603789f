"""Training examples: what is asked, what is true, and what must never be in them."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipelines.library.keys import CategoryView
from pipelines.models.labelled import LabelledSet, PseudoLabels, labelled_set
from pipelines.models.sft_data import training_examples
from pipelines.models.sft_item import share_of_none
from pipelines.models.sft_surfaces import value_of
from pipelines.models.tasks import (
    EXTRACT_KEY,
    EXTRACT_KEY_VALUE,
    EXTRACT_VALUE,
    RECOGNISE_KEY,
    RECOGNISE_KEY_VALUE,
    RECOGNISE_VALUE,
    TASKS,
    Asked,
    Example,
    SftConfig,
    mixture,
    written,
)
from tests.unit.pipelines.models.shirts import HELD_OUT, POWERS, shirts_with
from udfs.prompts import MAX_CANDIDATES, build_prefix, build_suffix
from udfs.prompts_tasks import item_prefix, judge_value
from udfs.replies import parse_reply
from udfs.replies_tasks import parse_key_values, parse_keys, parse_values
from udfs.text import fold


@pytest.fixture(scope="module")
def shirts() -> LabelledSet:
    return shirts_with()


def drawn(labelled: LabelledSet, task: str, count: int = 150, **settings: object) -> list[Example]:
    cfg = SftConfig(mixture={task: 1.0}, **settings)  # type: ignore[arg-type]
    return list(itertools.islice(training_examples([labelled], [1.0], cfg), count))


def all_asked(examples: list[Example]) -> Iterator[tuple[Example, Asked]]:
    return ((one, asked) for one in examples for request in one.requests for asked in request.asked)


@pytest.mark.parametrize("task", TASKS)
def test_held_out_items_are_never_trained_on_nor_their_values_known(shirts: LabelledSet, task: str) -> None:
    examples = drawn(shirts, task)
    texts = json.dumps([written(example) for example in examples])
    assert not {example.item_id for example in examples} & HELD_OUT
    assert not any(f"secret{n}," in texts or f"secret{n}\\" in texts for n in range(0, 60, 5))
    assert set(shirts.held_out_ids) == HELD_OUT and len(shirts.train_ids) == 48 + len(POWERS)


def test_the_ontology_counts_training_gold_alone_and_keeps_synonyms(shirts: LabelledSet) -> None:
    color, material, size, _ = shirts.views.of("shirt").keys
    shown = [item_id for item_id in shirts.train_ids if item_id.startswith("item")]
    counted = Counter(value for item_id in shown for value in shirts.gold[item_id]["color"])
    assert {value.text: value.frequency for value in color.values} == counted
    assert {value.text: value.synonyms for value in material.values}["steel"] == ("stainless",)
    assert size.values == ()
    assert shirts.several == {("shirt", "material")}


@pytest.mark.parametrize("task", [RECOGNISE_VALUE, RECOGNISE_KEY_VALUE])
def test_answers_are_what_gold_says_of_the_offered_candidates(shirts: LabelledSet, task: str) -> None:
    found = 0
    for example, asked in all_asked(drawn(shirts, task, injected=0.0, none_share=0.1)):
        gold = {fold(value) for value in shirts.gold[example.item_id][asked.question.key_id]}
        values = [text.rpartition(" = ")[2] for text in asked.question.candidates]
        chosen = {fold(values[number]) for number in asked.choice}
        assert chosen == gold & set(map(fold, values))
        assert 1 <= len(asked.question.candidates) <= MAX_CANDIDATES
        assert asked.question.multi or len(asked.choice) <= 1
        found += len(chosen)
    assert found > 200


@pytest.mark.parametrize("task", [RECOGNISE_VALUE, RECOGNISE_KEY_VALUE])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5])
def test_the_share_of_none_is_as_configured(shirts: LabelledSet, task: str, share: float) -> None:
    choices = [asked.choice for _, asked in all_asked(drawn(shirts, task, 250, none_share=share))]
    assert abs(choices.count(()) / len(choices) - share) < 0.06


def test_the_share_of_none_holds_where_every_key_is_stated() -> None:
    colors_alone = shirts_with()
    gold = {
        item_id: {"color": labels["color"]}
        for item_id, labels in colors_alone.gold.items()
        if "color" in labels
    }
    snapshot, listings = colors_alone.views.snapshot, list(colors_alone.listings.values())
    stated = labelled_set("colors", snapshot, listings, gold, HELD_OUT)
    choices = [a.choice for _, a in all_asked(drawn(stated, RECOGNISE_VALUE, 300, none_share=0.3))]
    assert abs(choices.count(()) / len(choices) - 0.3) < 0.08


def test_keys_that_the_item_does_not_state_serve_before_an_answer_is_left_out() -> None:
    assert share_of_none(6, 10, 0.25, random.Random(0)) == (2, 0)
    assert share_of_none(6, 1, 0.5, random.Random(1))[0] == 1
    drawn_shares = [share_of_none(5, 2, 0.4, random.Random(seed)) for seed in range(400)]
    silent = sum(more + lost for more, lost in drawn_shares) / sum(5 + more for more, _ in drawn_shares)
    assert abs(silent - 0.4) < 0.02


def test_the_right_place_is_no_hint(shirts: LabelledSet) -> None:
    places = Counter(
        asked.choice[0] / (len(asked.question.candidates) - 1)
        for _, asked in all_asked(drawn(shirts, RECOGNISE_KEY_VALUE, 300))
        if len(asked.choice) == 1 and len(asked.question.candidates) > 1
    )
    assert abs(places[0.0] - places[1.0]) < 0.35 * (places[0.0] + places[1.0])


def test_words_to_be_copied_stand_in_the_prompt_and_code_makes_the_gold_value_of_them(
    shirts: LabelledSet,
) -> None:
    view = shirts.views.of("shirt")
    positions = {key.key.key_id: number for number, key in enumerate(view.keys)}
    found = Counter[str]()
    for task in (EXTRACT_VALUE, EXTRACT_KEY_VALUE):
        for example in drawn(shirts, task, split_text=0.5):
            for request in example.requests:
                for key_id, words in request.words.items():
                    if key_id not in positions:
                        continue
                    values = {fold(value_of(one, view, positions[key_id])) for one in words}
                    assert values == set(map(fold, shirts.gold[example.item_id].get(key_id, ())))
                    assert all(one in example.prefix for one in words)
                    found.update(words)
    assert found["stainless"] and found["blue"]
    assert any(word.endswith("inches") for word in found)


def test_extraction_replies_are_held_to_the_text_and_name_keys_in_its_order(shirts: LabelledSet) -> None:
    for example in drawn(shirts, EXTRACT_KEY_VALUE, injected=0.0):
        texts = example.prefix.split("\n")[1:]
        read = parse_key_values(example.requests[0].reply, texts)
        starts = [words[0].start + 10_000 * words[0].part for words in read.values()]
        assert starts == sorted(starts) and read
    for example in drawn(shirts, EXTRACT_KEY, injected=0.0):
        gold = shirts.gold[example.item_id]
        names = parse_keys(example.requests[0].reply)
        assert {name.lower() for name in names} == {key for key, values in gold.items() if values}


def test_targeted_filling_answers_none_for_keys_that_are_not_stated(shirts: LabelledSet) -> None:
    said = Counter[bool]()
    for example in drawn(shirts, EXTRACT_VALUE, 200, none_share=0.3, injected=0.0):
        for request in example.requests:
            (key_id,) = request.key_ids
            name = request.reply.partition(":")[0]
            words = parse_values(request.reply, name, example.prefix.split("\n")[1:])
            assert bool(words) == bool(shirts.gold[example.item_id].get(key_id))
            said[bool(words)] += 1
    assert abs(said[False] / said.total() - 0.3) < 0.06


def test_key_discrimination_offers_stated_keys_unstated_ones_and_some_of_other_categories(
    shirts: LabelledSet,
) -> None:
    foreign, silent, total = 0, 0, 0
    for example in drawn(shirts, RECOGNISE_KEY, 200, injected=0.0):
        gold = shirts.gold[example.item_id]
        for request in example.requests:
            chosen = set(request.reply.strip().partition(": ")[2].split("; ")) - {"none"}
            stated = {key for key in request.key_ids if gold.get(key)}
            assert {name.lower() for name in chosen} == stated
            assert len(stated) < len(request.key_ids)
            foreign += "power" in request.key_ids and example.item_id.startswith("item")
            silent += not stated
            total += 1
    assert foreign and 0.2 < silent / total < 0.45


def test_what_the_encoder_finds_becomes_a_candidate() -> None:
    plain = shirts_with()
    white = next(n for n, v in enumerate(plain.views.of("shirt").keys[0].values) if v.text == "white")

    def similar(item_id: str, view: CategoryView) -> list[dict[int, float]]:
        return [{white: 0.9} if key.key.key_id == "color" else {} for key in view.keys]

    found = replace(plain, similar=similar)

    def offered_white(labelled: LabelledSet) -> float:
        asked = [
            a for example, a in all_asked(drawn(labelled, RECOGNISE_VALUE, 200))
            if a.question.key_id == "color" and shirts_color(labelled, example) != "white"
        ]  # fmt: skip
        return sum("white" in a.question.candidates for a in asked) / len(asked)

    assert offered_white(found) > offered_white(plain) + 0.15


def shirts_color(labelled: LabelledSet, example: Example) -> str:
    return labelled.gold[example.item_id]["color"][0]


def test_examples_depend_on_the_seed_alone_and_the_mixture_is_as_configured(shirts: LabelledSet) -> None:
    def made(seed: int, count: int) -> list[Example]:
        return list(itertools.islice(training_examples([shirts], [1.0], SftConfig(seed=seed)), count))

    assert made(0, 30) == made(0, 40)[:30] and made(0, 30) != made(1, 30)
    shares = Counter(example.task for example in made(2, 600))
    assert all(abs(shares[task] / 600 - share) < 0.06 for task, share in SftConfig().mixture.items())


def test_a_mixture_is_read_or_refused() -> None:
    assert mixture([]) == SftConfig().mixture and sum(mixture([]).values()) == pytest.approx(1)
    assert mixture(["extraction.key=2", "recognition.key=6"]) == {EXTRACT_KEY: 0.25, RECOGNISE_KEY: 0.75}
    for wrong in (["extraction.keys=1"], ["extraction.key=x"], ["extraction.key=0"], ["extraction.key"],
                  ["extraction.key=1", "extraction.key=2"], ["extraction.key=inf"]):  # fmt: skip
        with pytest.raises(ValueError):
            mixture(wrong)


def test_a_task_that_no_item_can_be_asked_in_is_told() -> None:
    shirts = shirts_with()
    unstated = {item_id: {"size": ()} for item_id in shirts.gold}
    empty = labelled_set("empty", shirts.views.snapshot, list(shirts.listings.values()), unstated, HELD_OUT)
    with pytest.raises(ValueError, match=r"empty can be asked in extraction.key"):
        next(training_examples([empty], [1.0], SftConfig(mixture={EXTRACT_KEY: 1.0})))


def test_injected_orders_change_the_text_and_no_answer(shirts: LabelledSet) -> None:
    for task in TASKS:
        plain, hostile = drawn(shirts, task, 40, injected=0.0), drawn(shirts, task, 40, injected=1.0)
        assert all(a.prefix != b.prefix for a, b in zip(plain, hostile, strict=True))
        assert all(len(example.prefix.split("\n")) <= 3 for example in hostile)
        assert all("<|" not in example.prefix for example in hostile)


def test_a_written_example_is_prompt_and_reply_as_in_inference(shirts: LabelledSet) -> None:
    line = written(drawn(shirts, RECOGNISE_KEY_VALUE, 1)[0])
    (made,) = drawn(shirts, RECOGNISE_KEY_VALUE, 1)
    assert (line["family"], line["task"], line["labels"]) == ("recognition", "key_value", ["gold"])
    assert str(line["prefix"]).startswith(build_prefix("", "").partition("\n")[0])
    requests = line["requests"]
    assert isinstance(requests, list)
    for request, one in zip(requests, made.requests, strict=True):
        questions = [asked.question for asked in one.asked]
        assert request["prompt"] == build_suffix(questions)
        assert parse_reply(request["reply"], questions) == [asked.choice for asked in one.asked]
    (single,) = drawn(shirts, RECOGNISE_VALUE, 1)
    assert single.prefix.startswith(item_prefix("", "").partition("\n")[0])
    assert single.requests[0].prompt == judge_value(single.requests[0].asked[0].question)


def test_pseudo_labels_fill_gaps_of_training_items_alone_and_are_named() -> None:
    labels = {
        "item-1": {"color": ["blue"], "size": ["M"]},
        "item-5": {"color": ["pink"]},
        "item-7": {"color": ["pink"]},
    }
    found = shirts_with(3, PseudoLabels(labels, "teacher:big"))
    assert found.gold["item-1"] == {"color": ["blue"], "size": ["M"]}
    assert found.gold["item-7"]["color"] == ["green"]
    assert found.pseudo == {"item-1": {"color": "teacher:big", "size": "teacher:big"}}
    assert "item-5" in found.held_out_ids and found.gold["item-5"]["color"] == ["red"]
    sources = {e.item_id: e.labels for e in drawn(found, RECOGNISE_KEY_VALUE, 200)}
    assert sources["item-1"] == ("teacher:big",) and sources["item-7"] == ("gold",)
