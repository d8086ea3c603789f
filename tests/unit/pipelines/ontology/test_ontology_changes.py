"""Change files: upserts and retirements as a new version, or refused whole; and what a diff says of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ontology.active import active
from pipelines.ontology.changes import apply_changes
from pipelines.ontology.diff import Delta, diff
from pipelines.ontology.errors import OntologyRefused
from pipelines.ontology.interchange import load_interchange
from tests.unit.pipelines.ontology.builders import (
    CATEGORIES,
    KEYS,
    VALUES,
    small,
    write_interchange,
    write_lines,
)


def upsert(kind, **fields):
    return {"op": "upsert", "kind": kind, **fields}


def retire(kind, **fields):
    return {"op": "retire", "kind": kind, **fields}


@pytest.fixture
def base(tmp_path):
    return small(tmp_path / "base")


def applied(tmp_path, base, *rows):
    return apply_changes(write_lines(tmp_path / "changes.jsonl", rows), base)


def faults_of(tmp_path, base, *rows):
    with pytest.raises(OntologyRefused) as refused:
        applied(tmp_path, base, *rows)
    return [(fault.line, fault.reason) for fault in refused.value.faults]


def texts(snapshot, category_id, key_id):
    link = next(link for link in snapshot.keys[category_id] if link.key.key_id == key_id)
    return [value.text for value in snapshot.values_of(link)]


def test_new_elements_of_every_kind_come_in(tmp_path, base):
    found = applied(
        tmp_path,
        base,
        upsert("category", category_id="green", name="Green tea", parent_id="leafy"),
        upsert("category", category_id="leafy", name="Leafy", parent_id="tea"),
        upsert("key", category_id="green", key_id="origin", name="Origin", value_kind="enumerated"),
        upsert(
            "value", category_id="green", key_id="origin", value_id="o1", text="Hangzhou", synonyms=["杭州"]
        ),
        upsert("tag", tag_id="gift", name="Gift", category_ids=["green"]),
    )
    assert found.path("green") == ("Drinks", "Tea", "Leafy", "Green tea")
    assert texts(found, "green", "origin") == ["Hangzhou"]
    assert found.tags["gift"].category_ids == ("green",)
    said = diff(base, found)
    assert said.counts() == {
        "categories": {"added": 2, "removed": 0, "changed": 0},
        "keys": {"added": 1, "removed": 0, "changed": 0},
        "tags": {"added": 1, "removed": 0, "changed": 0},
        "entries": {"added": 1, "removed": 0, "changed": 0},
    }
    assert said.values[0].pairs == (("green", "origin"),)


def test_a_known_element_keeps_what_a_line_does_not_say(tmp_path, base):
    found = applied(
        tmp_path,
        base,
        upsert("value", category_id="tea", key_id="form", value_id="f1", frequency=9),
        upsert("category", category_id="tea", description="Camellia sinensis"),
        upsert("key", category_id="coffee", key_id="form", multi_valued=True),
    )
    value = found.values_of(found.keys["tea"][0])[0]
    assert (value.text, value.frequency, value.synonyms) == ("loose leaf", 9, ("散茶",))
    assert (found.categories["tea"].name, found.categories["tea"].parent_id) == ("Tea", "drinks")
    assert found.keys["coffee"][0].key.multi_valued is True
    assert found.values_of(found.keys["coffee"][0])[0].frequency == 0


def test_a_change_in_one_category_leaves_the_others_that_shared_the_set(tmp_path, base):
    found = applied(
        tmp_path, base, upsert("value", category_id="tea", key_id="form", value_id="f3", text="powder")
    )
    assert texts(found, "tea", "form") == ["loose leaf", "bag", "powder"]
    assert found.keys["coffee"] == base.keys["coffee"]


def test_a_star_changes_every_category_that_has_the_key(tmp_path, base):
    found = applied(
        tmp_path, base, upsert("value", category_id="*", key_id="form", value_id="f3", text="powder")
    )
    assert found.keys["tea"][0].value_set_id == found.keys["coffee"][0].value_set_id
    assert len(found.value_sets) == len(base.value_sets)
    (delta,) = diff(base, found).values
    assert delta.pairs == (("coffee", "form"), ("tea", "form"))
    assert diff(base, found).counts()["entries"] == {"added": 2, "removed": 0, "changed": 0}


def test_retired_elements_stay_in_the_version_and_leave_what_is_released(tmp_path, base):
    found = applied(
        tmp_path,
        base,
        retire("value", category_id="tea", key_id="form", value_id="f1"),
        retire("category", category_id="coffee"),
        retire("key", category_id="tea", key_id="net_weight"),
        retire("tag", tag_id="picnic"),
    )
    assert found.values_of(found.keys["tea"][0])[0].status == "retired"
    released = active(found)
    assert set(released.categories) == {"drinks", "tea"}
    assert [link.key.key_id for link in released.keys["tea"]] == ["form"]
    assert texts(released, "tea", "form") == ["bag"]
    assert (set(released.keys), dict(released.tags)) == ({"drinks", "tea"}, {})
    assert len(found.categories) == 3


def test_a_retired_category_takes_its_subtree_out(tmp_path, base):
    assert active(applied(tmp_path, base, retire("category", category_id="drinks"))).categories == {}


def test_a_set_without_active_values_is_released_as_none(tmp_path, base):
    rows = [retire("value", category_id="tea", key_id="form", value_id=found) for found in ("f1", "f2")]
    assert active(applied(tmp_path, base, *rows)).keys["tea"][0].value_set_id == ""


def test_an_upsert_brings_a_retired_element_back(tmp_path, base):
    gone = applied(tmp_path, base, retire("category", category_id="tea"))
    assert applied(tmp_path, gone, upsert("category", category_id="tea")) == base


def test_renaming_a_key_renames_the_context_of_its_values(tmp_path, base):
    found = applied(tmp_path, base, upsert("key", category_id="tea", key_id="form", name="Shape"))
    link = found.keys["tea"][0]
    assert found.value_sets[link.value_set_id].context == "Shape"
    assert found.values_of(link) == base.values_of(base.keys["tea"][0])
    assert diff(base, found).counts()["entries"] == {"added": 0, "removed": 0, "changed": 0}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"op": "delete", "kind": "category", "category_id": "tea"}, "unknown_op"),
        ({"kind": "category", "category_id": "tea"}, "unknown_op"),
        (upsert("brand", name="X"), "unknown_kind"),
        ({"op": "upsert", "kind": ["category"]}, "unknown_kind"),
        ("{", "not_json"),
        (upsert("category", category_id="x", name="X", parent_id="nowhere"), "unknown_parent"),
        (upsert("category", category_id="drinks", parent_id="tea"), "cycle"),
        (upsert("category", category_id="x"), "missing_field"),
        (upsert("category", name="X"), "missing_field"),
        (upsert("category", category_id="tea", name=""), "empty"),
        (upsert("key", category_id="nowhere", key_id="k", name="K"), "unknown_category"),
        (upsert("key", key_id="k", name="K"), "unknown_category"),
        (upsert("key", category_id="tea", key_id="_moved", name="K"), "reserved_id"),
        (upsert("key", category_id="*", key_id="k", name="K"), "unknown_key"),
        (upsert("key", category_id="tea", key_id="form", value_kind="?"), "not_in_enum"),
        (upsert("value", category_id="tea", key_id="k", value_id="v", text="v"), "unknown_key"),
        (upsert("value", category_id="tea", key_id="form", value_id="v", text=""), "empty"),
        (upsert("value", category_id="tea", key_id="form", text="v"), "missing_field"),
        (upsert("tag", tag_id="t", name="T", category_ids=["nowhere"]), "unknown_category"),
        (retire("category", category_id="x"), "unknown_element"),
        (retire("key", category_id="tea", key_id="k"), "unknown_element"),
        (retire("value", category_id="tea", key_id="form", value_id="v"), "unknown_element"),
        (retire("tag", tag_id="t"), "unknown_element"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(tmp_path, base, row, reason):
    good = upsert("category", category_id="new", name="New")
    assert faults_of(tmp_path, base, good, row) == [(2, reason)]


def test_a_line_about_an_element_of_a_refused_line_is_no_second_fault(tmp_path, base):
    rows = [
        upsert("category", category_id="x", name=""),
        upsert("key", category_id="x", key_id="k", name="K"),
        upsert("key", category_id="tea", key_id="k", name=""),
        upsert("value", category_id="tea", key_id="k", value_id="v", text="v"),
    ]
    assert faults_of(tmp_path, base, *rows) == [(1, "empty"), (3, "empty")]


def test_an_absent_or_empty_file_is_refused(tmp_path, base):
    assert faults_of(tmp_path, base) == [(0, "empty_file")]
    with pytest.raises(OntologyRefused, match="missing_file"):
        apply_changes(tmp_path / "none.jsonl", base)


def test_the_base_is_never_changed(tmp_path, base):
    before = small(tmp_path / "same")
    applied(tmp_path, base, upsert("value", category_id="*", key_id="form", value_id="f1", text="other"))
    assert base == before


def test_nothing_differs_from_itself(base):
    assert not diff(base, base)
    assert diff(base, base).counts()["entries"] == {"added": 0, "removed": 0, "changed": 0}


ROW = {"categories": CATEGORIES, "keys": KEYS, "values": VALUES}
IDS = {"categories": ("category_id",), "keys": ("category_id", "key_id"),
       "values": ("category_id", "key_id", "value_id")}  # fmt: skip


@st.composite
def subsets(draw):
    """Rows of the small ontology of which some are left out or renamed; what hangs on a missing row goes too."""
    kept = {name: [dict(row) for row in rows if draw(st.integers(0, 3))] for name, rows in ROW.items()}
    kept["categories"] = [dict(CATEGORIES[0]), *(row for row in kept["categories"] if row["parent_id"])]
    for rows in kept.values():
        for row in rows:
            if draw(st.integers(0, 4)) == 0:
                row["text" if "text" in row else "name"] = draw(st.sampled_from(("one", "two")))
    categories = {row["category_id"] for row in kept["categories"]}
    kept["keys"] = [row for row in kept["keys"] if row["category_id"] in categories]
    pairs = {(row["category_id"], row["key_id"]) for row in kept["keys"]}
    kept["values"] = [row for row in kept["values"] if (row["category_id"], row["key_id"]) in pairs]
    return kept


def named(rows, name):
    return {tuple(row[part] for part in IDS[name]): row for row in rows}


@settings(max_examples=80, deadline=None)
@given(before=subsets(), after=subsets())
def test_a_diff_says_what_a_comparison_row_by_row_says(tmp_path_factory, before, after):
    folder = tmp_path_factory.mktemp("diff")
    old = load_interchange(write_interchange(folder / "old", **before, tags=None))
    new = load_interchange(write_interchange(folder / "new", **after, tags=None))
    said = diff(old, new).counts()
    for name, kind in (("categories", "categories"), ("keys", "keys"), ("values", "entries")):
        was, now = named(before[name], name), named(after[name], name)
        assert said[kind] == {
            "added": len(now.keys() - was.keys()),
            "removed": len(was.keys() - now.keys()),
            "changed": sum(was[found] != now[found] for found in was.keys() & now.keys()),
        }
    back = diff(new, old)
    assert set(back.categories.added) == set(diff(old, new).categories.removed)
    assert bool(back) == bool(diff(old, new)) == (before != after)


def test_an_empty_delta_is_false():
    assert not Delta()
    assert Delta(added=(1,))
