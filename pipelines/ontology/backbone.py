"""Reads the expert backbone in its owner's shape: categories name attributes, these name shared values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.ontology.faults import Faults
from pipelines.ontology.identity import Identities
from pipelines.ontology.interchange import value_of
from pipelines.ontology.snapshot import ANY_CATEGORY, CategoryKey, Snapshot, Value, ValueSet
from pipelines.ontology.source_rows import (
    Place,
    Progress,
    no_progress,
    parse,
    source_file,
    source_rows,
    text_of,
)
from pipelines.ontology.tree import check_tree
from schemas.ontology import AttributeKey, AttributeValue, Category

FILES = ("categories", "attributes", "values")
PROVENANCE = "backbone"


@dataclass(frozen=True, slots=True)
class _Attribute:
    """An attribute before its categories are known."""

    key: AttributeKey
    place: Place
    value_ids: tuple[str, ...]
    values_from: str | None


@dataclass(slots=True)
class _Draft:
    """What was read so far. Refused rows are kept by id, so that naming them is no second fault."""

    progress: Progress
    faults: Faults = field(default_factory=Faults)
    refused: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in FILES})
    values: dict[str, Value] = field(default_factory=dict)
    attributes: dict[str, _Attribute] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    attribute_ids: dict[str, tuple[str, ...]] = field(default_factory=dict)


def is_backbone(folder: Path) -> bool:
    """Whether a folder holds the backbone's shape rather than the interchange form."""
    return any((folder / f"attributes.{form}").is_file() for form in ("parquet", "jsonl"))


def load_backbone(folder: Path, progress: Progress = no_progress) -> Snapshot:
    """The ontology of categories, attributes and values; Chinese names become synonyms.

    An attribute without values of its own shares those of `values_from`. With values a key is enumerated,
    without them free.
    Errors: OntologyRefused with file, line and reason of up to 100 faults.
    """
    draft = _Draft(progress)
    found = {name: source_file(folder, name, draft.faults, required=True) for name in FILES}
    draft.faults.refuse_if_any()
    readers = {"values": _values, "attributes": _attributes, "categories": _categories}
    for name, read in readers.items():
        path = found[name]
        if path is not None:
            read(path, draft)
    check_tree(draft.categories, draft.places, draft.refused["categories"], draft.faults)
    if not draft.categories and not draft.faults.found:
        draft.faults.add("categories", 0, "empty_ontology", "there is no category in it")
    sets = _value_sets(draft)
    draft.faults.refuse_if_any()
    return _snapshot(draft, sets)


def _values(path: Path, draft: _Draft) -> None:
    for place, row in source_rows(path, draft.faults, draft.progress):
        fields = {
            "category_id": ANY_CATEGORY,
            "key_id": ANY_CATEGORY,
            "value_id": row.get("value_id"),
            "text": row.get("name"),
        }
        found = parse(AttributeValue, place, _named(fields, row), draft.faults)
        if found is None:
            draft.refused["values"].add(text_of(row, "value_id") or "")
        elif _is_new("value", found.value_id, draft.values, place, draft):
            draft.values[found.value_id] = value_of(found)


def _attributes(path: Path, draft: _Draft) -> None:
    for place, row in source_rows(path, draft.faults, draft.progress):
        fields = {
            "category_id": ANY_CATEGORY,
            "key_id": row.get("attribute_id"),
            "name": row.get("name"),
            "description": row.get("description"),
        }
        key = parse(AttributeKey, place, _named(fields, row), draft.faults)
        value_ids = _id_list(row, "value_ids", place, draft)
        if key is None or value_ids is None:
            draft.refused["attributes"].add(text_of(row, "attribute_id") or "")
        elif _is_new("attribute", key.key_id, draft.attributes, place, draft):
            _all_known("value", value_ids, draft.values, draft.refused["values"], place, draft)
            draft.attributes[key.key_id] = _Attribute(key, place, value_ids, text_of(row, "values_from"))


def _categories(path: Path, draft: _Draft) -> None:
    for place, row in source_rows(path, draft.faults, draft.progress):
        fields = {name: row.get(name) for name in ("category_id", "name", "parent_id", "description")}
        category = parse(Category, place, _named(fields, row), draft.faults)
        attribute_ids = _id_list(row, "attribute_ids", place, draft)
        if category is None or attribute_ids is None:
            draft.refused["categories"].add(text_of(row, "category_id") or "")
        elif _is_new("category", category.category_id, draft.categories, place, draft):
            refused = draft.refused["attributes"]
            _all_known("attribute", attribute_ids, draft.attributes, refused, place, draft)
            draft.categories[category.category_id] = category
            draft.places[category.category_id] = place
            draft.attribute_ids[category.category_id] = attribute_ids


def _named(fields: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, with the Chinese name as a synonym and the source as provenance."""
    present = {name: value for name, value in fields.items() if value is not None}
    other = row.get("name_zh")
    synonyms = [other] if other not in (None, "", row.get("name")) else []
    return present | {"synonyms": synonyms, "provenance": PROVENANCE}


def _is_new(kind: str, found: str, known: Mapping[str, Any], place: Place, draft: _Draft) -> bool:
    if found in known:
        draft.faults.add(place.file, place.line, "duplicate_id", f"{kind} {found} is there twice")
        return False
    return True


def _id_list(row: Mapping[str, Any], name: str, place: Place, draft: _Draft) -> tuple[str, ...] | None:
    """A list of ids without repeats; absent or null is empty. None: it was a fault."""
    given = row.get(name)
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(part, str) and part for part in given):
        draft.faults.add(place.file, place.line, "wrong_type", f"{name}: a list of ids belongs here")
        return None
    if len(set(given)) < len(given):
        twice = next(part for part in given if given.count(part) > 1)
        draft.faults.add(place.file, place.line, "duplicate_id", f"{name}: {twice} is there twice")
        return None
    return tuple(given)


def _all_known(
    kind: str, ids: Iterable[str], known: Mapping[str, Any], refused: set[str], place: Place, draft: _Draft
) -> None:
    for found in ids:
        if found not in known and found not in refused:
            draft.faults.add(place.file, place.line, f"unknown_{kind}", f"no {kind} {found!r}")


def _value_sets(draft: _Draft) -> dict[str, ValueSet]:
    """The value set of each attribute that has values, by attribute id."""
    identities = Identities()
    sets = {}
    for attribute_id, attribute in draft.attributes.items():
        values = [draft.values[found] for found in _shared_ids(attribute, draft) if found in draft.values]
        if values:
            sets[attribute_id] = identities.value_set_of(attribute.key.name, values)
    return sets


def _shared_ids(attribute: _Attribute, draft: _Draft) -> tuple[str, ...]:
    """The attribute's own value ids, else those of the attribute that it takes them from."""
    current, seen = attribute, {attribute.key.key_id}
    while not current.value_ids and current.values_from is not None:
        source, place = current.values_from, current.place
        if source in seen:
            draft.faults.add(place.file, place.line, "cycle", f"values_from of {source} comes back to itself")
            return ()
        if source not in draft.attributes:
            if source not in draft.refused["attributes"]:
                draft.faults.add(
                    place.file, place.line, "unknown_attribute", f"values_from: no attribute {source!r}"
                )
            return ()
        seen.add(source)
        current = draft.attributes[source]
    return current.value_ids


def _snapshot(draft: _Draft, sets: Mapping[str, ValueSet]) -> Snapshot:
    links = {found: _link(draft.attributes[found].key, sets.get(found)) for found in draft.attributes}
    keys = {
        category_id: tuple(
            CategoryKey(replace(links[found].key, category_id=category_id), links[found].value_set_id)
            for found in attribute_ids
        )
        for category_id, attribute_ids in draft.attribute_ids.items()
        if attribute_ids
    }
    used = {found for attribute_ids in draft.attribute_ids.values() for found in attribute_ids}
    spare = tuple(link for found, link in links.items() if found not in used)
    by_id = {found.value_set_id: found for found in sets.values()}
    return Snapshot("", draft.categories, keys, by_id, spare_keys=spare)


def _link(key: AttributeKey, values: ValueSet | None) -> CategoryKey:
    kind, set_id = ("enumerated", values.value_set_id) if values else ("free", "")
    return CategoryKey(replace(key, value_kind=kind), set_id)
