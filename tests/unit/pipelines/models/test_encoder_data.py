"""What the encoder learns from: recognition's own texts, what is true of them, and nothing that is held out."""

from __future__ import annotations

import doctest
import json

import pytest

from pipelines.library.candidates import item_text
from pipelines.library.keys import category_view
from pipelines.library.pairs import encoded_text, is_searched
from pipelines.models import encoder_records
from pipelines.models.encoder_data import known_categories, training_data
from pipelines.models.encoder_records import EncoderData, HoldOut, as_json, from_json
from pipelines.models.encoder_sets import needed_texts
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from pipelines.ontology.texts import category_text
from schemas.listing import Listing
from schemas.ontology import AttributeKey, Category
from tests.unit.pipelines.models.words import catalog
from udfs.document import document
from udfs.split import split_fifth, split_group
from udfs.text import fold

NOTHING = HoldOut(values=0, keys=0, least_categories=99, dev=0)


def shoes() -> Snapshot:
    closures = ValueSet(
        "cl", "Closure", (Value("1", "Zipper", 2, ("zip",)), Value("2", "Lace-Up", 1), Value("3", "Velcro"))
    )
    genders = ValueSet("ge", "Gender", (Value("4", "Women", 2), Value("5", "Men", 1)))
    keys = (
        CategoryKey(AttributeKey("boots", "closure", "Closure", value_kind="enumerated"), "cl"),
        CategoryKey(AttributeKey("boots", "gender", "Gender", value_kind="enumerated"), "ge"),
        CategoryKey(AttributeKey("boots", "model", "Model", value_kind="identifier"), ""),
    )
    categories = {"shoes": Category("shoes", "Shoes", None), "boots": Category("boots", "Boots", "shoes")}
    return Snapshot("v1", categories, {"boots": keys}, {"cl": closures, "ge": genders})


def made(title: str, gold: dict[str, list[str]], held: HoldOut = NOTHING) -> EncoderData:
    return training_data("set", shoes(), [Listing("i", title, category_id="boots")], {"i": gold}, held)


def test_an_item_asks_for_its_values_and_category_in_the_texts_of_release_and_recognition() -> None:
    data = made("Ladies boots with zip, A1", {"closure": ["Zipper"], "gender": ["Women"], "model": ["A1"]})
    item = data.anchors[0]
    assert item.text == "Ladies boots with zip, A1" and item.batch == "set/boots"
    asked = {data.groups[one.group][one.true[0]]: one.stated[0] for one in item.asked}
    # The zip is named by a synonym; that ladies are women has to be known.
    assert asked == {"Closure: Zipper": True, "Gender: Women": False, "Shoes > Boots": True}


def test_a_synonym_asks_for_the_value_that_it_means() -> None:
    data = made("Boots", {"gender": ["Men"]})
    other = [anchor for anchor in data.anchors if anchor.text == "Closure: zip"]
    assert len(other) == 1
    (asked,) = other[0].asked
    assert data.groups[asked.group][asked.true[0]] == "Closure: Zipper" and asked.stated == (False,)


def test_entries_that_the_text_names_are_marked_even_where_gold_does_not_say_them() -> None:
    (item, *_) = made("Velcro boots, not for men", {"gender": ["Women"]}).anchors
    assert {"Closure: Velcro", "Gender: Men", "Gender: Women"} <= set(item.mentioned)


def test_held_out_values_keys_and_categories_are_nowhere_in_the_data() -> None:
    class NoWomen(HoldOut):
        def value(self, key_name: str, text: str) -> bool:
            return text == "Women"

        def key(self, key_name: str) -> bool:
            return key_name == "Closure"

    held = NoWomen(least_categories=99, dev=0)
    data = made("Ladies boots with zip", {"closure": ["Zipper"], "gender": ["Women"]}, held)
    assert "Gender: Women" not in data.entries() and not any(e.startswith("Closure") for e in data.entries())
    assert [[data.groups[one.group][t] for t in one.true] for one in data.anchors[0].asked] == [
        ["Shoes > Boots"]
    ]
    assert made("Boots", {"gender": ["Men"]}, HoldOut(least_categories=1)) == EncoderData([()], [], [])


def test_hold_outs_are_drawn_by_name_in_about_their_shares() -> None:
    held = HoldOut()
    values = [held.value("Color", f"value {n}") for n in range(2000)]
    keys = [held.key(f"key {n}") for n in range(2000)]
    assert 0.17 < sum(values) / 2000 < 0.23 and 0.08 < sum(keys) / 2000 < 0.12
    assert held.value("color", "NAVY Blue") == held.value("Color", "navy blue")
    names = [f"category {n}" for n in range(9)]
    assert held.category(names) == held.category(names[::-1]) and held.category(names) in names
    assert doctest.testmod(encoder_records).failed == 0


def test_the_demo_catalog_gives_training_items_only() -> None:
    parts = catalog()
    data = training_data(parts.name, parts.ontology, parts.train, parts.gold, HoldOut())
    # A few listings of the catalog say the same, word for word.
    held_out = {encoded_text(document(item)) for item in parts.held_out.listings}
    held_out -= {encoded_text(document(item)) for item in parts.train}
    trained = {anchor.text for anchor in (*data.anchors, *data.dev)}
    assert len(data.anchors) > 300 and data.dev
    assert len(held_out) > 60 and not trained & held_out
    assert {split_group(item) for item in parts.train}.isdisjoint(map(split_group, parts.held_out.listings))
    left_out = HoldOut().category(known_categories(parts.ontology))
    assert left_out is not None and category_text(parts.ontology, left_out) not in data.entries()
    assert all(len(set(group)) == len(group) for group in data.groups)


def test_what_is_asked_in_the_demo_catalog_is_its_gold() -> None:
    parts = catalog()
    data = training_data(parts.name, parts.ontology, parts.train, parts.gold, NOTHING)
    by_text = {anchor.text: anchor for anchor in data.anchors}
    checked = 0
    for listing in parts.train:
        anchor = by_text[encoded_text(document(listing))]
        said = {fold(data.groups[one.group][t]) for one in anchor.asked for t in one.true}
        view = category_view(parts.ontology, str(listing.category_id))
        for place, key in enumerate(view.keys):
            for value in parts.gold[listing.item_id].get(key.key.key_id, ()):
                if is_searched(view, place) and fold(value) in key.positions:
                    known = key.values[key.positions[fold(value)]].text
                    assert fold(f"{key.key.name}: {known}") in said
                    checked += 1
    assert checked > 1000


def test_data_survives_its_file() -> None:
    parts = catalog()
    data = training_data(parts.name, parts.ontology, parts.train[:60], parts.gold, HoldOut())
    assert from_json(json.loads(json.dumps(as_json(data)))) == data
    with pytest.raises(KeyError):
        from_json({"groups": []})


def test_sets_that_are_joined_keep_their_groups_apart() -> None:
    whole = made("Men boots", {"gender": ["Men"]})
    whole.add(
        training_data(
            "other",
            shoes(),
            [Listing("j", "Women boots", category_id="boots")],
            {"j": {"gender": ["Women"]}},
            NOTHING,
        )
    )
    texts = {
        anchor.text: {whole.groups[one.group][t] for one in anchor.asked for t in one.true}
        for anchor in whole.anchors
    }
    assert texts["Men boots"] == {"Gender: Men", "Shoes > Boots"}
    assert texts["Women boots"] == {"Gender: Women", "Shoes > Boots"}


def test_all_texts_of_training_and_evaluation_are_encoded() -> None:
    parts = catalog()
    texts = set(needed_texts(parts))
    data = training_data(parts.name, parts.ontology, parts.train, parts.gold, HoldOut())
    assert {anchor.text for anchor in (*data.anchors, *data.dev)} <= texts and set(data.entries()) <= texts
    train, held_out = split_fifth([*parts.train, *parts.held_out.listings])
    assert {encoded_text(document(item)) for item in (*train, *held_out)} <= texts
    assert item_text(document(parts.train[0])).grams
