"""Import of the interchange form: what is taken over, and what is refused with file, line and reason."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ontology.errors import OntologyRefused
from pipelines.ontology.faults import MAX_FAULTS
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.snapshot import Counts, Value
from tests.unit.pipelines.ontology.builders import (
    CATEGORIES,
    KEYS,
    TAGS,
    VALUES,
    small,
    write_interchange,
    write_lines,
)


def faults_of(folder) -> list[tuple[str, int, str]]:
    with pytest.raises(OntologyRefused) as refused:
        load_interchange(folder)
    return [(fault.file, fault.line, fault.reason) for fault in refused.value.faults]


def test_everything_of_the_rows_is_taken_over(tmp_path):
    found = small(tmp_path)
    assert found.counts() == Counts(
        categories=3, keys=3, category_keys=4, values=3, value_sets=2, entries=5, tags=1
    )
    assert found.path("tea") == ("Drinks", "Tea")
    assert found.categories["tea"].synonyms == ("茶叶",)
    form, weight = found.keys["tea"]
    assert [value.text for value in found.values_of(form)] == ["loose leaf", "bag"]
    assert found.values_of(form)[0] == Value("f1", "loose leaf", 0, ("散茶",))
    assert weight.key.normalization.rule == "Unit Conversion"
    assert (weight.value_set_id, found.values_of(weight)) == ("", ())
    assert found.keys["coffee"][0].key.multi_valued is False
    assert found.tags["picnic"].category_ids == ("tea", "coffee")


def test_equal_lists_under_one_key_name_are_one_set(tmp_path):
    found = small(tmp_path)
    tea, coffee = found.keys["tea"][0], found.keys["coffee"][0]
    assert tea.value_set_id == coffee.value_set_id
    assert found.value_sets[tea.value_set_id].context == "Form"


def test_keys_come_from_the_nearest_category_that_has_any(tmp_path):
    categories = [*CATEGORIES, {"category_id": "juice", "name": "Juice", "parent_id": "drinks"}]
    found = load_interchange(write_interchange(tmp_path, categories=categories))
    assert [link.key.key_id for link in found.keys_of("juice")] == ["brand"]
    assert [link.key.key_id for link in found.keys_of("tea")] == ["form", "net_weight"]


def test_parquet_says_the_same_as_json_lines(tmp_path):
    lines = load_interchange(write_interchange(tmp_path / "lines"))
    folder = tmp_path / "parquet"
    folder.mkdir()
    for name, rows in (("categories", CATEGORIES), ("keys", KEYS), ("values", VALUES), ("tags", TAGS)):
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {column: [row.get(column) for row in rows] for column in names}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    assert load_interchange(folder) == lines


def test_unknown_fields_blank_lines_and_a_byte_order_mark_do_no_harm(tmp_path):
    folder = write_interchange(tmp_path, categories=[{**row, "colour": "red"} for row in CATEGORIES])
    path = folder / "categories.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n\n"))
    assert load_interchange(folder) == small(tmp_path / "plain")


TEA = {"category_id": "tea", "name": "Tea"}
KEY = {"category_id": "tea", "key_id": "k", "name": "K", "value_kind": "free"}
VALUE = {"category_id": "tea", "key_id": "form", "value_id": "v", "text": "v"}
REFUSED = {
    "unknown parent": ("categories", {"category_id": "x", "name": "X", "parent_id": "nowhere"}, "unknown_parent"),
    "duplicate category": ("categories", TEA, "duplicate_id"),
    "own parent": ("categories", {"category_id": "x", "name": "X", "parent_id": "x"}, "cycle"),
    "empty name": ("categories", {"category_id": "x", "name": ""}, "empty"),
    "blank name": ("categories", {"category_id": "x", "name": " \t"}, "empty"),
    "name of wrong type": ("categories", {"category_id": "x", "name": 7}, "wrong_type"),
    "no name": ("categories", {"category_id": "x"}, "missing_field"),
    "endless name": ("categories", {"category_id": "x", "name": "x" * 10_000}, "too_long"),
    "NUL in a name": ("categories", {"category_id": "x", "name": "a\0b"}, "nul_character"),
    "half a surrogate": ("categories", '{"category_id": "x", "name": "\\ud800"}', "bad_utf8"),
    "synonyms of wrong type": ("categories", {"category_id": "x", "name": "X", "synonyms": "y"}, "wrong_type"),
    "not JSON": ("categories", '{"category_id": "x", ', "not_json"),
    "two objects": ("categories", '{"category_id": "x", "name": "X"} {}', "not_json"),
    "a field twice": ("categories", '{"category_id": "x", "name": "X", "name": "Y"}', "repeated_field"),
    "too deep": ("categories", "[" * 100_000, "not_json"),
    "not an object": ("categories", "[1, 2]", "wrong_type"),
    "not UTF-8": ("categories", b'{"category_id": "x", "name": "\xff\xfe"}', "bad_utf8"),
    "key of an unknown category": ("keys", {**KEY, "category_id": "nowhere"}, "unknown_category"),
    "key with the id of a tombstone": ("keys", {**KEY, "key_id": "_item"}, "reserved_id"),
    "key with the id of the category row": ("keys", {**KEY, "key_id": "_category"}, "reserved_id"),
    "duplicate key": ("keys", {**KEY, "key_id": "form"}, "duplicate_id"),
    "unknown value kind": ("keys", {**KEY, "value_kind": "number"}, "not_in_enum"),
    "normalisation of wrong type": ("keys", {**KEY, "normalization": "to cm"}, "wrong_type"),
    "value of an unknown category": ("values", {**VALUE, "category_id": "nowhere"}, "unknown_category"),
    "value of an unknown key": ("values", {**VALUE, "key_id": "nothing"}, "unknown_key"),
    "value of another category's key": ("values", {**VALUE, "key_id": "brand"}, "unknown_key"),
    "duplicate value": ("values", {**VALUE, "value_id": "f1"}, "duplicate_id"),
    "empty text": ("values", {**VALUE, "text": ""}, "empty"),
    "frequency below zero": ("values", {**VALUE, "frequency": -1}, "out_of_range"),
    "frequency as text": ("values", {**VALUE, "frequency": "3"}, "wrong_type"),
    "frequency is true": ("values", {**VALUE, "frequency": True}, "wrong_type"),
    "frequency of 100 digits": ("values", {**VALUE, "frequency": 10**100}, "out_of_range"),
    "frequency not a number": ("values", json.dumps({**VALUE, "frequency": float("nan")}), "wrong_type"),
    "tag of an unknown category": ("tags", {"tag_id": "t", "name": "T", "category_ids": ["nowhere"]}, "unknown_category"),
    "duplicate tag": ("tags", TAGS[0], "duplicate_id"),
}  # fmt: skip


@pytest.mark.parametrize(("file", "row", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_row_is_refused_with_its_place(tmp_path, file, row, reason):
    rows = {"categories": CATEGORIES, "keys": KEYS, "values": VALUES, "tags": TAGS}
    rows[file] = (*rows[file], row)
    folder = write_interchange(tmp_path, **rows)
    assert faults_of(folder) == [(f"{file}.jsonl", len(rows[file]), reason)]


def test_a_long_cycle_is_one_fault_at_its_first_row(tmp_path):
    ring = [{"category_id": f"c{n}", "name": "C", "parent_id": f"c{(n + 1) % 5}"} for n in range(5)]
    below = [{"category_id": "leaf", "name": "Leaf", "parent_id": "c3"}]
    folder = write_interchange(tmp_path, categories=[*CATEGORIES, *below, *ring])
    assert faults_of(folder) == [("categories.jsonl", 5, "cycle")]


def test_what_only_follows_from_a_refused_row_is_not_another_fault(tmp_path):
    categories = [{**row, "name": ""} if row["category_id"] == "tea" else row for row in CATEGORIES]
    keys = [{**row, "value_kind": "?"} if row["category_id"] == "coffee" else row for row in KEYS]
    folder = write_interchange(tmp_path, categories=categories, keys=keys)
    assert faults_of(folder) == [("categories.jsonl", 2, "empty"), ("keys.jsonl", 4, "not_in_enum")]


def test_all_faults_are_told_at_once_up_to_a_hundred(tmp_path):
    three = [{"category_id": f"x{n}", "name": ""} for n in range(3)]
    assert len(faults_of(write_interchange(tmp_path / "a", categories=[*CATEGORIES, *three]))) == 3
    many = [{"category_id": f"x{n}", "name": ""} for n in range(500)]
    with pytest.raises(OntologyRefused) as refused:
        load_interchange(write_interchange(tmp_path / "b", categories=[*CATEGORIES, *many]))
    assert (len(refused.value.faults), refused.value.complete) == (MAX_FAULTS, False)
    assert "at least 100" in str(refused.value)


def test_missing_and_ambiguous_files_are_named(tmp_path):
    folder = write_interchange(tmp_path)
    (folder / "keys.jsonl").unlink()
    (folder / "values.parquet").write_bytes(b"")
    assert faults_of(folder) == [("keys", 0, "missing_file"), ("values", 0, "ambiguous_file")]


def test_an_empty_ontology_is_refused(tmp_path):
    folder = write_interchange(tmp_path, categories=[], keys=[], values=[], tags=None)
    assert faults_of(folder) == [("categories", 0, "empty_ontology")]


def test_bad_parquet_is_refused_with_its_row(tmp_path):
    folder = write_interchange(tmp_path, tags=None)
    (folder / "values.jsonl").unlink()
    rows = [{**row, "frequency": row.get("frequency", 0) - 1} for row in VALUES]
    pq.write_table(pa.Table.from_pylist(rows), folder / "values.parquet")
    assert faults_of(folder) == [("values.parquet", line, "out_of_range") for line in (2, 3, 4, 5)]
    broken = pa.array([b"tea", b"\xff\xff"], pa.binary()).view(pa.string())
    table = pa.table(
        {"category_id": broken, "key_id": ["form"] * 2, "value_id": ["a", "b"], "text": ["a", "b"]}
    )
    pq.write_table(table, folder / "values.parquet")
    assert faults_of(folder) == [("values.parquet", 2, "bad_utf8")]
    (folder / "values.parquet").write_bytes(b"PAR1 and nothing else")
    assert faults_of(folder) == [("values.parquet", 0, "unreadable_file")]


@st.composite
def forests(draw):
    """Rows of a random forest in random order."""
    count = draw(st.integers(1, 30))
    rows = []
    for n in range(count):
        parent = draw(st.one_of(st.none(), st.integers(0, n - 1))) if n else None
        rows.append(
            {"category_id": f"c{n}", "name": f"C {n}", "parent_id": None if parent is None else f"c{parent}"}
        )
    return draw(st.permutations(rows))


PLANTS = ("unknown_parent", "duplicate_id", "cycle", "empty", "wrong_type", "not_json")


@settings(max_examples=60, deadline=None)
@given(rows=forests(), plant=st.sampled_from(PLANTS), where=st.integers(0, 1_000))
def test_one_planted_fault_is_found_where_it_is(tmp_path_factory, rows, plant, where):
    folder = tmp_path_factory.mktemp("forest")
    good = load_interchange(write_interchange(folder, rows, [], [], None))
    assert {found.category_id: found.parent_id for found in good.categories.values()} == {
        row["category_id"]: row["parent_id"] for row in rows
    }
    at = where % len(rows)
    bad: list = list(rows)
    if plant == "duplicate_id":
        bad.append(rows[at])
        at = len(rows)
    elif plant == "not_json":
        bad[at] = json.dumps(rows[at])[:-1]
    else:
        change = {"unknown_parent": ("parent_id", "nowhere"), "cycle": ("parent_id", rows[at]["category_id"]),
                  "empty": ("name", " "), "wrong_type": ("name", ["C"])}[plant]  # fmt: skip
        bad[at] = {**rows[at], change[0]: change[1]}
    write_lines(folder / "categories.jsonl", bad)
    found = faults_of(folder)
    # A line that is no JSON has no readable id, so its children miss their parent as well.
    assert ("categories.jsonl", at + 1, plant) in found
    assert len(found) == 1 or plant == "not_json"
