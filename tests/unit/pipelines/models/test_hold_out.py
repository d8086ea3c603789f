"""What is held out of training: the choice, the blind labels and ontology, on the demo catalog."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from pipelines.apps.evaluation_set import EvaluationSet, load_set, training_part
from pipelines.apps.split_ontology import training_ontology, write_interchange
from pipelines.library.keys import CategoryViews
from pipelines.models.hold_out import (
    CATEGORY,
    KEYS,
    KINDS,
    REST,
    TURNS,
    VALUES,
    HeldOut,
    Labels,
    blind_labels,
    blind_ontology,
    choose,
    form_of,
)
from pipelines.models.own_values import own_values
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.snapshot import Snapshot
from tests.unit.pipelines.models.words import CATALOG

NOW_MS = 1_800_000_000_000


@cache
def catalog() -> EvaluationSet:
    return load_set(CATALOG / "ontology", CATALOG / "listings.jsonl", CATALOG / "gold.jsonl", NOW_MS, None)


def train_labels() -> Labels:
    return Labels(catalog().ontology, catalog().gold, training_part(catalog()))


def stated_entries() -> set[str]:
    """Forms of the ontology's values that training labels state under enumerated and free keys."""
    found = set()
    for one in train_labels():
        if one.link.key.value_kind in KINDS:
            known = {form_of(value.text) for value in catalog().ontology.values_of(one.link)}
            found |= {form_of(value) for value in one.pair.values} & known
    return found


def frequencies(ontology: Snapshot) -> dict[tuple[str, str, str], int]:
    return {
        (name, link.key.key_id, value.value_id): value.frequency
        for name, links in ontology.keys.items()
        for link in links
        for value in ontology.values_of(link)
    }


def only(categories: set[str], name: str) -> EvaluationSet:
    listings = tuple(item for item in catalog().listings if item.category_id in categories)
    assert listings, name
    return replace(catalog(), listings=listings)


def test_five_turns_hold_out_every_value_and_key_and_each_about_a_fifth():
    turns = [choose({"catalog": catalog()}, turn) for turn in range(TURNS)]
    stated = stated_entries()
    learned = {form_of(one.link.key.name) for one in train_labels() if one.pair.values}
    assert stated <= frozenset().union(*(turn.values for turn in turns))
    assert learned == frozenset().union(*(turn.keys for turn in turns))
    for turn in turns:
        assert 0.14 < len(turn.values & stated) / len(stated) < 0.26
        assert 0.05 < len(turn.keys) / len(learned) < 0.35
        assert len(turn.categories) == 1
    with pytest.raises(ValueError, match="turns 0 to 4"):
        choose({"catalog": catalog()}, TURNS)


def test_the_choice_depends_on_names_alone():
    turned = replace(catalog(), listings=catalog().listings[::-1], gold=catalog().gold[::-1])
    assert choose({"catalog": turned}, 3) == choose({"other name": catalog()}, 3)


def test_what_one_set_holds_out_is_held_out_of_all():
    coffee, rest = {"coffee", "tea"}, {"headphones", "laptops", "smartphones", "backpacks"}
    alone = {name: choose({name: only(of, name)}) for name, of in (("hot", coffee), ("devices", rest))}
    both = choose({"hot": only(coffee, "hot"), "devices": only(rest, "devices")})
    assert both.values == alone["hot"].values | alone["devices"].values
    assert both.keys <= alone["hot"].keys | alone["devices"].keys
    assert both.keys & alone["hot"].keys and both.keys & alone["devices"].keys
    assert both.categories == alone["hot"].categories | alone["devices"].categories


def test_a_set_with_one_category_keeps_it_and_still_holds_out_a_key():
    for turn in range(TURNS):
        found = choose({"tea": only({"tea"}, "tea")}, turn)
        assert found.categories == frozenset()
        assert found.keys


def test_blind_labels_are_the_training_labels_that_show_nothing_of_it():
    held = choose({"catalog": catalog()})
    blind = {(pair.item_id, pair.key_id): pair.values for pair in blind_labels(catalog(), held)}
    category = {item.item_id: item.category_id for item in catalog().listings}
    names = {form_of(c.name): c.category_id for c in catalog().ontology.categories.values()}
    (held_category,) = (names[form] for form in held.categories)
    left_out = {VALUES: 0, KEYS: 0, CATEGORY: 0}
    for one in train_labels():
        key = one.link.key
        shows = {
            CATEGORY: category[one.pair.item_id] == held_category,
            KEYS: form_of(key.name) in held.keys,
            VALUES: key.value_kind in KINDS and any(form_of(v) in held.values for v in one.pair.values),
        }
        for part, shown in shows.items():
            left_out[part] += shown
        kept = blind.pop((one.pair.item_id, one.pair.key_id), None)
        assert kept == (None if any(shows.values()) else one.pair.values)
    assert blind == {}, "labels of items that are not of the training part"
    assert min(left_out.values()) > 30


def test_the_blind_ontology_has_every_text_and_no_count_of_what_is_held_out(tmp_path):
    held = choose({"catalog": catalog()})
    whole, blind = catalog().ontology, blind_ontology(catalog().ontology, held)
    for name, links in whole.keys.items():
        for link, other in zip(links, blind.keys[name], strict=True):
            assert link.key == other.key
            texts = [replace(value, frequency=0) for value in whole.values_of(link)]
            assert texts == [replace(value, frequency=0) for value in blind.values_of(other)]
            for value, new in zip(whole.values_of(link), blind.values_of(other), strict=True):
                is_held = held.part_of(whole.categories[name], link.key, [value.text]) != REST
                assert new.frequency == (0 if is_held else value.frequency)
    lost = [place for place, count in frequencies(whole).items() if frequencies(blind)[place] < count]
    assert len({key for _, key, _ in lost}) > 20
    assert (blind.categories, blind.tags) == (whole.categories, whole.tags)
    write_interchange(blind, tmp_path)
    assert frequencies(load_interchange(tmp_path)) == frequencies(blind)


def test_training_jobs_see_no_held_out_value_and_count_nothing_below_zero():
    held = choose({"catalog": catalog()})
    train = training_part(catalog())
    gold = blind_labels(catalog(), held)
    learned = training_ontology(blind_ontology(catalog().ontology, held), gold, train)
    for name, links in learned.keys.items():
        for link in links:
            texts = [value.text for value in learned.values_of(link)]
            assert all(held.part_of(learned.categories[name], link.key, [text]) == REST for text in texts)
    # The other way round, which is harder: counts are gone, and the items' own labels still take theirs out.
    asked = blind_ontology(training_ontology(catalog().ontology, catalog().gold, train), held)
    labels: dict[str, dict[str, tuple[str, ...]]] = {}
    for pair in catalog().gold:
        labels.setdefault(pair.item_id, {})[pair.key_id] = pair.values
    views, taken = CategoryViews(asked), 0
    for item in train:
        category = views.of(str(item.category_id))
        for view, own in zip(category.keys, own_values(category, labels.get(item.item_id, {})), strict=True):
            counts = [view.frequency(place, own) for place in range(len(view.values))]
            assert min(counts, default=0) >= 0
            taken += sum(before > after for before, after in zip(view.frequencies, counts, strict=True))
    assert taken > 1_000


def test_pairs_are_of_one_part():
    held = HeldOut(frozenset({"red"}), frozenset({"size"}), frozenset({"hat"}))
    links = {link.key.key_id: link.key for link in catalog().ontology.keys["running_shoes"]}
    shoes = catalog().ontology.categories["running_shoes"]
    color = replace(links["color"], value_kind="enumerated")
    hats, size = replace(shoes, name="Hats"), replace(color, name="Sizes")
    assert held.part_of(shoes, color, ["Blue", "RED"]) == VALUES
    assert held.part_of(shoes, color, ["Blue"]) == REST == held.part_of(shoes, color, [])
    assert held.part_of(shoes, replace(color, value_kind="measure"), ["red"]) == REST
    assert held.part_of(shoes, size, ["red"]) == KEYS
    assert held.part_of(hats, size, ["red"]) == CATEGORY
