"""Reads an ontology in the interchange form: categories, keys, values and, optionally, scenario tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipelines.ontology.faults import Faults
from pipelines.ontology.identity import Identities
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
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
from schemas.ontology import AttributeKey, AttributeValue, Category, ScenarioTag
from udfs.version import RESERVED_ATTRS

FILES = ("categories", "keys", "values", "tags")
Pair = tuple[str, str]


@dataclass(slots=True)
class _Draft:
    """What was read so far, and the ids whose rows were refused: naming those is no second fault."""

    progress: Progress
    faults: Faults = field(default_factory=Faults)
    categories: dict[str, Category] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    refused_categories: set[str] = field(default_factory=set)
    keys: dict[Pair, AttributeKey] = field(default_factory=dict)
    refused_keys: set[Pair] = field(default_factory=set)
    values: dict[Pair, dict[str, Value]] = field(default_factory=dict)
    tags: dict[str, ScenarioTag] = field(default_factory=dict)


def load_interchange(folder: Path, progress: Progress = no_progress) -> Snapshot:
    """The ontology of a folder with categories, keys, values and optional tags, as .jsonl or .parquet.

    Nothing is returned unless every row is good.
    Errors: OntologyRefused with file, line and reason of up to 100 faults.
    """
    draft = _Draft(progress)
    found = {name: source_file(folder, name, draft.faults, required=name != "tags") for name in FILES}
    draft.faults.refuse_if_any()
    readers = {"categories": _categories, "keys": _keys, "values": _values, "tags": _tags}
    for name, path in found.items():
        if path is not None:
            readers[name](path, draft)
    if not draft.categories and not draft.faults.found:
        draft.faults.add("categories", 0, "empty_ontology", "there is no category in it")
    draft.faults.refuse_if_any()
    return _snapshot(draft)


def _categories(path: Path, draft: _Draft) -> None:
    for place, row in source_rows(path, draft.faults, draft.progress):
        category = parse(Category, place, row, draft.faults)
        if category is None:
            draft.refused_categories.add(text_of(row, "category_id") or "")
        elif category.category_id in draft.categories:
            first = draft.places[category.category_id].line
            draft.faults.add(
                place.file, place.line, "duplicate_id", f"{category.category_id}: also line {first}"
            )
        else:
            draft.categories[category.category_id] = category
            draft.places[category.category_id] = place
    check_tree(draft.categories, draft.places, draft.refused_categories, draft.faults)


def _knows_category(category_id: str, place: Place, draft: _Draft) -> bool:
    if category_id not in draft.categories and category_id not in draft.refused_categories:
        draft.faults.add(place.file, place.line, "unknown_category", f"no category {category_id!r}")
        return False
    return True


def _keys(path: Path, draft: _Draft) -> None:
    for place, row in source_rows(path, draft.faults, draft.progress):
        key = parse(AttributeKey, place, row, draft.faults)
        if key is None:
            draft.refused_keys.add((text_of(row, "category_id") or "", text_of(row, "key_id") or ""))
            continue
        pair = (key.category_id, key.key_id)
        if not _knows_category(key.category_id, place, draft):
            draft.refused_keys.add(pair)
        elif key.key_id in RESERVED_ATTRS:
            draft.refused_keys.add(pair)
            draft.faults.add(place.file, place.line, "reserved_id", f"key {key.key_id}: give it another id")
        elif pair in draft.keys:
            draft.faults.add(
                place.file,
                place.line,
                "duplicate_id",
                f"key {key.key_id} of {key.category_id} is there twice",
            )
        else:
            draft.keys[pair] = key


def _values(path: Path, draft: _Draft) -> None:
    shared: dict[Value, Value] = {}
    for place, row in source_rows(path, draft.faults, draft.progress):
        found = parse(AttributeValue, place, row, draft.faults)
        if found is None or not _knows_category(found.category_id, place, draft):
            continue
        pair = (found.category_id, found.key_id)
        if pair not in draft.keys:
            if pair not in draft.refused_keys:
                draft.faults.add(
                    place.file, place.line, "unknown_key", f"category {pair[0]!r} has no key {pair[1]!r}"
                )
            continue
        values = draft.values.setdefault(pair, {})
        if found.value_id in values:
            draft.faults.add(
                place.file, place.line, "duplicate_id", f"value {found.value_id} of {pair} is there twice"
            )
            continue
        value = value_of(found)
        values[found.value_id] = shared.setdefault(value, value)


def _tags(path: Path, draft: _Draft) -> None:
    for place, row in source_rows(path, draft.faults, draft.progress):
        tag = parse(ScenarioTag, place, row, draft.faults)
        if tag is None:
            continue
        for category_id in tag.category_ids:
            _knows_category(category_id, place, draft)
        if tag.tag_id in draft.tags:
            draft.faults.add(place.file, place.line, "duplicate_id", f"tag {tag.tag_id} is there twice")
        draft.tags[tag.tag_id] = tag


def value_of(row: AttributeValue) -> Value:
    """The value of an interchange row, without its category and key."""
    return Value(
        value_id=row.value_id,
        text=row.text,
        frequency=row.frequency,
        synonyms=row.synonyms,
        status=row.status,
        importance=row.importance,
        provenance=row.provenance,
    )


def _snapshot(draft: _Draft) -> Snapshot:
    identities = Identities()
    sets: dict[str, ValueSet] = {}
    keys: dict[str, list[CategoryKey]] = {}
    for pair, key in draft.keys.items():
        values = draft.values.get(pair)
        set_id = ""
        if values:
            made = identities.value_set_of(key.name, list(values.values()))
            sets.setdefault(made.value_set_id, made)
            set_id = made.value_set_id
        keys.setdefault(key.category_id, []).append(CategoryKey(key, set_id))
    return Snapshot(
        "", draft.categories, {found: tuple(links) for found, links in keys.items()}, sets, draft.tags
    )
