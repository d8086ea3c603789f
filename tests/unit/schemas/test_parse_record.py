"""The parser refuses what it must, with the reason and the field, and agrees with the JSON Schema."""

import copy
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.all import CONTRACTS
from schemas.contract import Contract
from schemas.derive import BadRecord, json_schema, parse_record, unknown_fields
from schemas.knowledge import KnowledgeRow, contract_of_row_example
from schemas.listing import LISTING_EXAMPLE, MAX_ATTRIBUTES, MAX_IMAGES, MAX_TITLE, Listing
from schemas.ontology import AttributeValue
from schemas.parse import REASONS

VALUE = {"category_id": "tea", "key_id": "form", "value_id": "v", "text": "loose leaf"}


@pytest.mark.parametrize(
    ("field", "value", "reason", "path"),
    [
        ("item_id", "", "empty", "item_id"),
        ("item_id", " \n\t", "empty", "item_id"),
        ("item_id", None, "wrong_type", "item_id"),
        ("item_id", 7, "wrong_type", "item_id"),
        ("item_id", "x" * 201, "too_long", "item_id"),
        ("title", "t" * (MAX_TITLE + 1), "too_long", "title"),
        ("title", ["green tea"], "wrong_type", "title"),
        ("title", "green\x00tea", "nul_character", "title"),
        ("title", "half \ud83d of an emoji", "bad_utf8", "title"),
        ("description", {"text": "x"}, "wrong_type", "description"),
        ("attributes", ["a"], "wrong_type", "attributes"),
        ("attributes", {"size": 7}, "wrong_type", "attributes.size"),
        ("attributes", {"size": None}, "wrong_type", "attributes.size"),
        ("attributes", {"": "x"}, "empty", "attributes"),
        ("attributes", {"a\x00": "x"}, "nul_character", "attributes"),
        ("attributes", {"a": "\udc00"}, "bad_utf8", "attributes.a"),
        ("attributes", {f"a{n}": "x" for n in range(MAX_ATTRIBUTES + 1)}, "too_many", "attributes"),
        ("image_urls", "https://x", "wrong_type", "image_urls"),
        ("image_urls", ["https://x", 1], "wrong_type", "image_urls[1]"),
        ("image_urls", ["u"] * (MAX_IMAGES + 1), "too_many", "image_urls"),
        ("price", "12", "wrong_type", "price"),
        ("price", True, "wrong_type", "price"),
        ("price", math.nan, "not_finite", "price"),
        ("price", math.inf, "not_finite", "price"),
        ("price", 10**400, "out_of_range", "price"),
        ("event_time", "2026-13-40T00:00:00Z", "bad_time", "event_time"),
        ("event_time", "2026-02-30", "bad_time", "event_time"),
        ("event_time", "yesterday", "bad_time", "event_time"),
        ("event_time", "1969-12-31T23:59:59Z", "bad_time", "event_time"),
        ("event_time", 1_790_000_000, "wrong_type", "event_time"),
        ("is_deleted", "false", "wrong_type", "is_deleted"),
        ("is_deleted", 0, "wrong_type", "is_deleted"),
    ],
)
def test_refuses_a_bad_field(field: str, value: Any, reason: str, path: str) -> None:
    with pytest.raises(BadRecord) as refused:
        parse_record(Listing, LISTING_EXAMPLE | {field: value})
    assert (refused.value.reason, refused.value.field) == (reason, path)
    assert reason in REASONS


@pytest.mark.parametrize("field", ["item_id", "title"])
def test_refuses_an_absent_required_field(field: str) -> None:
    kept = {name: value for name, value in LISTING_EXAMPLE.items() if name != field}
    with pytest.raises(BadRecord) as refused:
        parse_record(Listing, kept)
    assert (refused.value.reason, refused.value.field) == ("missing_field", field)


@pytest.mark.parametrize("content", [None, [], "text", 7, [{"item_id": "a"}]])
def test_refuses_what_is_no_object(content: Any) -> None:
    with pytest.raises(BadRecord) as refused:
        parse_record(Listing, content)
    assert refused.value.reason == "wrong_type"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (-1, "out_of_range"),
        (2**63, "out_of_range"),
        (1.5, "wrong_type"),
        ("3", "wrong_type"),
        (True, "wrong_type"),
    ],
)
def test_refuses_a_bad_whole_number(value: Any, reason: str) -> None:
    with pytest.raises(BadRecord) as refused:
        parse_record(AttributeValue, VALUE | {"frequency": value})
    assert (refused.value.reason, refused.value.field) == (reason, "frequency")


def test_a_number_longer_than_python_prints_is_refused_with_a_reason() -> None:
    with pytest.raises(BadRecord) as refused:
        parse_record(AttributeValue, VALUE | {"frequency": 10**5000})
    assert refused.value.reason == "out_of_range"


def test_path_of_a_nested_field() -> None:
    row = contract_of_row_example()
    row["evidence"] = [row["evidence"][0], row["evidence"][0] | {"start": -1}]  # type: ignore[index]
    with pytest.raises(BadRecord) as refused:
        parse_record(KnowledgeRow, row)
    assert refused.value.field == "evidence[1].start"


def test_null_and_absent_optional_fields_take_the_default_and_others_are_counted() -> None:
    given_row = {"item_id": "a", "title": "", "description": None, "attributes": None, "colour": 1, "size": 2}
    assert parse_record(Listing, given_row) == Listing("a", "")
    assert unknown_fields(Listing, given_row) == ("colour", "size")


def test_whole_numbers_may_come_as_floats_and_numbers_as_whole() -> None:
    assert parse_record(AttributeValue, VALUE | {"frequency": 3.0}).frequency == 3
    price = parse_record(Listing, LISTING_EXAMPLE | {"price": 3}).price
    assert price == 3.0
    assert isinstance(price, float)


_odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(
        ["", " ", "\x00", "\ud800", "x" * 5000, "2026-11-01", "2026-11-01T25:00", "offline", "active"]
    ),
    st.lists(st.one_of(st.text(max_size=3), st.integers()), max_size=3),
    st.dictionaries(st.text(max_size=3), st.one_of(st.text(max_size=3), st.integers()), max_size=3),
)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_parser_and_json_schema_agree_on_spoiled_records(data: st.DataObject) -> None:
    contract: Contract = data.draw(st.sampled_from(CONTRACTS))
    row = copy.deepcopy(dict(contract.valid.value))
    _spoil(row, data)
    accepted = Draft202012Validator(json_schema(contract.record)).is_valid(row)
    try:
        parse_record(contract.record, row)
    except BadRecord as refused:
        # A day that no calendar has is beyond patterns.
        assert not accepted or refused.reason == "bad_time", refused
    else:
        assert accepted


def _spoil(row: dict[str, Any], data: st.DataObject) -> None:
    """Change, add or remove one field, here or in a record inside."""
    name = data.draw(st.sampled_from(sorted(row)))
    inner = row[name][0] if isinstance(row[name], list) and row[name] else row[name]
    if isinstance(inner, dict) and inner and data.draw(st.booleans()):
        _spoil(inner, data)
    elif data.draw(st.integers(0, 4)) == 0:
        del row[name]
    else:
        row[name] = data.draw(_odd)
