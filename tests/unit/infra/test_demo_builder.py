"""The builder of the demo catalog: units, the notation of facts, sentences, identifiers."""

from decimal import Decimal

import pytest

from infra.demo.dirt import full_width
from infra.demo.family import upc
from infra.demo.model import fact_for, read_fact
from infra.demo.render import cased, fill
from infra.demo.tree import LEAVES
from infra.demo.units import CENTIMETRES, GRAMS, KILOGRAMS, measure_surfaces, rounded


def test_measures_are_spelled_in_units_that_keep_the_value() -> None:
    said = measure_surfaces("12", "oz", GRAMS, ("oz", "g", "kg", "jin"))
    assert {"12 oz", "340 g", "0.34 kg"} <= set(said["en"])
    assert "0.7斤" not in said["zh"], "0.7 jin would be 350 g"
    assert not any("盎司" in word for word in measure_surfaces("340", "g", GRAMS, ("oz", "g"))["zh"])
    assert any("斤" in word for word in measure_surfaces("500", "g", GRAMS, ("g", "jin"))["zh"])
    assert CENTIMETRES.apply("6.1", "in") == "15.5"
    assert KILOGRAMS.apply("300", "lb") == "136.1"
    with pytest.raises(ValueError, match="between two values"):
        CENTIMETRES.apply("2.5", "in")
    with pytest.raises(ValueError, match="cannot be converted"):
        GRAMS.apply("5", "in")
    assert rounded(Decimal("15.494"), 1) == "15.5"


def test_notation_of_facts() -> None:
    fact = read_fact("Black|midnight black;+obsidian;~starless;-noir|黑色")
    assert fact.en == ("Black", "midnight black", "obsidian", "starless")
    assert fact.zh == ("黑色",)
    assert fact.synonyms == ("midnight black", "noir", "黑色")
    assert fact.implying == {"starless"}
    key = LEAVES[0].key("network")
    with pytest.raises(ValueError, match="no value '3G'"):
        fact_for(key, "3G")


def test_sentences_record_what_they_state() -> None:
    leaf = LEAVES[0]
    keys = {key.key_id: key for key in leaf.keys}
    facts = {
        "screen_size": (fact_for(keys["screen_size"], "6.1 in"),),
        "color": (fact_for(keys["color"], "Blue"),),
    }
    text, said = fill("{a screen_size|adj} screen in {color}.", keys, facts, "en", "description", "x")
    assert [s.values for s in said] == [("15.5",), ("Blue",)]
    assert all(s.surface in text for s in said)
    assert cased(keys["color"], "Blue", in_title=False) == "blue"
    assert cased(keys["color"], "navy blue", in_title=True) == "Navy Blue"
    assert full_width("5G手机") == "\uff15\uff27手机"


def test_upc_check_digit_and_maker() -> None:
    one, other = upc("Nordlund", "a"), upc("Nordlund", "b")
    assert one[1:6] == other[1:6] and one != other
    assert sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(one)) % 10 == 0
