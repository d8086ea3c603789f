"""Import of the expert backbone: the real one where it is at hand, and a small twin always."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.ontology.backbone import is_backbone, load_backbone
from pipelines.ontology.errors import OntologyRefused
from tests.unit.pipelines.ontology.builders import write_backbone, write_interchange

SHARED = Path(os.environ.get("AIIC_SHARED_DATA", "../shared/data")) / "ontology_backbone"
VALUES = (
    {"value_id": "color__red", "name": "Red", "name_zh": "红色"},
    {"value_id": "color__blue", "name": "Blue", "name_zh": "Blue"},
    {"value_id": "spare", "name": "Spare", "name_zh": None},
)
ATTRIBUTES = (
    {"attribute_id": "color", "name": "Color", "name_zh": "颜色", "description": "Hue", "values_from": None,
     "value_ids": ["color__red", "color__blue"]},
    {"attribute_id": "trim_color", "name": "Trim color", "name_zh": "", "description": None, "values_from": "color",
     "value_ids": []},
    {"attribute_id": "model", "name": "Model", "name_zh": "型号", "description": "", "values_from": None, "value_ids": []},
    {"attribute_id": "unused", "name": "Unused", "name_zh": "", "description": "", "values_from": None,
     "value_ids": ["spare"]},
)  # fmt: skip
CATEGORIES = (
    {"category_id": "aa", "name": "Apparel", "name_zh": "服饰", "parent_id": None, "attribute_ids": []},
    {"category_id": "aa-1", "name": "Hats", "name_zh": "帽子", "parent_id": "aa", "attribute_ids": ["color", "model"]},
    {"category_id": "aa-2", "name": "Bags", "name_zh": "包", "parent_id": "aa",
     "attribute_ids": ["color", "trim_color"]},
)  # fmt: skip


def changed(rows, index, **fields):
    return [{**row, **fields} if number == index else row for number, row in enumerate(rows)]


def test_values_are_shared_and_chinese_names_are_synonyms(tmp_path):
    found = load_backbone(write_backbone(tmp_path, CATEGORIES, ATTRIBUTES, VALUES))
    counts = found.counts()
    assert (counts.categories, counts.keys, counts.category_keys, counts.entries) == (3, 4, 4, 6)
    hats, bags = found.keys["aa-1"], found.keys["aa-2"]
    assert hats[0].value_set_id == bags[0].value_set_id != bags[1].value_set_id
    assert found.value_sets[bags[1].value_set_id].context == "Trim color"
    assert found.values_of(bags[1]) == found.values_of(bags[0])
    assert [value.synonyms for value in found.values_of(hats[0])] == [("红色",), ()]
    assert (hats[0].key.value_kind, hats[1].key.value_kind) == ("enumerated", "free")
    assert (hats[0].key.category_id, bags[0].key.category_id) == ("aa-1", "aa-2")
    assert found.categories["aa"].synonyms == ("服饰",)
    assert [link.key.key_id for link in found.spare_keys] == ["unused"]


@pytest.mark.parametrize(
    ("categories", "attributes", "values", "expected"),
    [
        (
            changed(CATEGORIES, 1, attribute_ids=["colour"]),
            ATTRIBUTES,
            VALUES,
            ("categories", 2, "unknown_attribute"),
        ),
        (
            changed(CATEGORIES, 1, attribute_ids=["color"] * 2),
            ATTRIBUTES,
            VALUES,
            ("categories", 2, "duplicate_id"),
        ),
        (changed(CATEGORIES, 2, parent_id="zz"), ATTRIBUTES, VALUES, ("categories", 3, "unknown_parent")),
        (changed(CATEGORIES, 0, parent_id="aa"), ATTRIBUTES, VALUES, ("categories", 1, "cycle")),
        (changed(CATEGORIES, 2, category_id="aa"), ATTRIBUTES, VALUES, ("categories", 3, "duplicate_id")),
        (
            CATEGORIES,
            changed(ATTRIBUTES, 0, value_ids=["color__pink"]),
            VALUES,
            ("attributes", 1, "unknown_value"),
        ),
        (
            CATEGORIES,
            changed(ATTRIBUTES, 1, values_from="hue"),
            VALUES,
            ("attributes", 2, "unknown_attribute"),
        ),
        (CATEGORIES, changed(ATTRIBUTES, 1, values_from="trim_color"), VALUES, ("attributes", 2, "cycle")),
        (CATEGORIES, changed(ATTRIBUTES, 2, name=""), VALUES, ("attributes", 3, "empty")),
        (CATEGORIES, ATTRIBUTES, changed(VALUES, 0, name=" "), ("values", 1, "empty")),
        (CATEGORIES, ATTRIBUTES, [*VALUES, VALUES[0]], ("values", 4, "duplicate_id")),
    ],
)
def test_a_bad_row_is_refused_with_its_place(tmp_path, categories, attributes, values, expected):
    folder = write_backbone(tmp_path, categories, attributes, values)
    with pytest.raises(OntologyRefused) as refused:
        load_backbone(folder)
    file, line, reason = expected
    found = [(fault.file, fault.line, fault.reason) for fault in refused.value.faults]
    assert found == [(f"{file}.parquet", line, reason)]


def test_a_column_of_another_type_is_refused(tmp_path):
    numbers = [{**row, "attribute_ids": [1]} for row in CATEGORIES]
    with pytest.raises(OntologyRefused) as refused:
        load_backbone(write_backbone(tmp_path, numbers, ATTRIBUTES, VALUES))
    assert {fault.reason for fault in refused.value.faults} == {"wrong_type"}


def test_the_two_shapes_are_told_apart(tmp_path):
    assert is_backbone(write_backbone(tmp_path / "b", CATEGORIES, ATTRIBUTES, VALUES))
    assert not is_backbone(write_interchange(tmp_path / "i"))


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the backbone is not at {SHARED}: set AIIC_SHARED_DATA")
def test_the_whole_backbone_is_imported():
    counts = load_backbone(SHARED).counts()
    assert (counts.categories, counts.keys, counts.values, counts.entries) == (
        10_595,
        2_299,
        20_635,
        1_172_737,
    )
    assert counts.value_sets == 2_299
