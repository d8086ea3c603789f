"""Numbers with units, and the normalisation rules that use them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ontology import AttributeKey, Normalization
from udfs.normalize import AS_IS, extracted, normalized, read_rule, rule_of
from udfs.quantity import number, quantities, unit, written

CM = read_rule("Unit Conversion", "Convert to centimeters (cm). If no unit is specified, assume the measurement is in inches. Rounded to one decimal place.")  # fmt: skip
GRAMS = read_rule("Unit Conversion", "Convert to grams (g). Round to the nearest full digit.")

CELSIUS = read_rule("Unit Conversion", "Convert to Celsius. Round to the nearest full digit.")


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ('8 1/2" wide', CM, "21.6"),
        ("宽20厘米", CM, "20.0"),
        ("6.8吋屏", CM, "17.3"),
        ("1,200 mm", CM, "120.0"),
        ("14", CM, "35.6"),
        ("60W x 58D x 98H cm", CM, "58.0"),
        ("2 lbs", GRAMS, "907"),
        ("1.5公斤", GRAMS, "1500"),
        ("净含量2斤", GRAMS, "1000"),
        ("3 kg.", GRAMS, "3000"),
        ("98.6 Fahrenheit", CELSIUS, "37"),
        ("keeps 5°F", CELSIUS, "-15"),
        ("40 °C wash", CELSIUS, "40"),
    ],
)
def test_conversion(text, rule, value):
    assert value in [surface.value for surface in extracted(text, rule)]


@pytest.mark.parametrize(
    ("name", "instruction", "text", "value"),
    [
        ("Numeric Standardization", "", "pack of twelve", "12"),
        ("Numeric Standardization", "", "15K SAS", "15000"),
        ("Numeric Standardization", "", "色温4000K", "4000"),
        ("Numeric Standardization", "", "双盒装", "2"),
        ("Substring Extraction", "isolating digits 2 to 6.", "UPC 0 28750 17947 0", "28750"),
        ("Delete Marks", "", "No. ABC-12.3/X", "ABC123X"),
        ("Unit Expansion", "Convert 'GB' to 'Gigabytes'", "32-GB", "32 Gigabytes"),
        ("Unit Expansion", "Convert 'GB' to 'Gigabytes'", "内存:32G", "32 Gigabytes"),
        ("Unit Expansion", "Replace 'W' with 'Watts'", "功率12瓦", "12 Watts"),
    ],
)
def test_rules(name, instruction, text, value):
    assert value in [surface.value for surface in extracted(text, read_rule(name, instruction))]


def test_a_rule_that_is_not_understood_changes_nothing():
    key = AttributeKey(
        "c", "k", "K", value_kind="measure", normalization=Normalization("Frobnicate", "as you like")
    )
    assert rule_of(key).kind == AS_IS
    assert normalized("12 In", rule_of(key)) == "12 In"


@pytest.mark.parametrize("spelling", ["pcs", "pk", "bananas", "x", "", "pin"])
def test_words_of_trade_are_not_units(spelling):
    assert unit(spelling) is None


@given(st.text(max_size=200))
def test_spans_lie_in_the_text_and_hold_the_number(text):
    for found in quantities(text):
        assert 0 <= found.start < found.number_end <= found.end <= len(text)
        assert number(text[found.start : found.number_end]) == found.value


@given(
    st.text(max_size=120),
    st.sampled_from([CM, GRAMS, read_rule("Delete Marks", ""), read_rule("Numeric Standardization", "")]),
)
def test_extraction_never_leaves_the_text(text, rule):
    assert all(0 <= s.start < s.end <= len(text) and s.value for s in extracted(text, rule))


LONG_NUMBERS = st.builds(
    lambda digits, count, end: digits * count + end,
    st.sampled_from(["9", "1,", ".5", "7/"]),
    st.integers(1, 6_000),
    st.sampled_from(["", " cm", "K", "/3", " km"]),
)


@pytest.mark.parametrize(
    "rule",
    [
        CM,
        GRAMS,
        CELSIUS,
        read_rule("Numeric Standardization", ""),
        read_rule("Unit Expansion", "Convert 'GB' to 'Gigabytes'"),
    ],
    ids=lambda rule: f"{rule.kind} {rule.target}",
)
@given(text=LONG_NUMBERS)
def test_numbers_beyond_all_measure_are_no_values(rule, text):
    assert all(len(surface.value) < 100 for surface in extracted(text, rule))


def test_a_short_number_beside_a_monstrous_one_is_found():
    assert "10.2" in [surface.value for surface in extracted("9" * 400 + " m, 4 inch", CM)]


@given(st.floats(0, 1e6), st.integers(0, 3))
def test_written_numbers_are_within_half_a_unit(value, decimals):
    assert abs(float(written(value, decimals)) - value) <= 0.5 * 10**-decimals + 1e-6
