"""Applies a change file to a version (O2, incremental import): {"op": "upsert" | "retire", "kind": ...} a line.

An upsert of a new element needs its whole record; of a known one, only what changes; a retired one it brings
back. A retired element stays in the version with status "retired" and leaves the releases. `"category_id": "*"`
on a key or a value means every category that has the key. Lines are applied in order; only parents may be named
before they are added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipelines.ontology.faults import Faults
from pipelines.ontology.identity import Identities
from pipelines.ontology.interchange import value_of
from pipelines.ontology.snapshot import ACTIVE, ANY_CATEGORY, CategoryKey, Snapshot, Value, ValueSet
from pipelines.ontology.source_rows import Place, parse, source_rows, text_of
from pipelines.ontology.tree import check_tree
from schemas.ontology import AttributeKey, AttributeValue, Category, ScenarioTag
from udfs.version import RESERVED_ATTRS

OPS = ("upsert", "retire")
RETIRED = "retired"
Pair = tuple[str, str]
Row = Mapping[str, Any]


@dataclass(slots=True)
class _Editor:
    """A version while lines are applied to it; a value set is copied only when one of its values changes."""

    base: Snapshot
    categories: dict[str, Category]
    keys: dict[str, dict[str, CategoryKey]]
    tags: dict[str, ScenarioTag]
    faults: Faults = field(default_factory=Faults)
    places: dict[str, Place] = field(default_factory=dict)
    edited: dict[Pair, dict[str, Value]] = field(default_factory=dict)
    users: dict[str, list[str]] | None = None
    refused: set[str] = field(default_factory=set)

    def fault(self, place: Place, reason: str, detail: str, about: str = "") -> None:
        """Note a fault, unless it only follows from a refused row about the same element."""
        if about not in self.refused:
            self.faults.add(place.file, place.line, reason, detail)


def apply_changes(path: Path, base: Snapshot) -> Snapshot:
    """The version after a change file; all of it or nothing.

    Errors: OntologyRefused with file, line and reason of up to 100 faults.
    """
    editor = _Editor(
        base=base,
        categories=dict(base.categories),
        keys={found: {link.key.key_id: link for link in links} for found, links in base.keys.items()},
        tags=dict(base.tags),
    )
    kinds: Mapping[str, Callable[[_Editor, Place, Row], None]] = {
        "category": _change_category,
        "key": _change_key,
        "value": _change_value,
        "tag": _change_tag,
    }
    if not path.is_file():
        editor.faults.add(path.name, 0, "missing_file", f"there is no file {path}")
        editor.faults.refuse_if_any()
    lines = 0
    for place, row in source_rows(path, editor.faults):
        lines += 1
        op, kind = row.get("op"), row.get("kind")
        if op not in OPS:
            editor.faults.add(place.file, place.line, "unknown_op", f"op is {op!r}, expected one of {OPS}")
        elif not isinstance(kind, str) or kind not in kinds:
            editor.faults.add(
                place.file, place.line, "unknown_kind", f"kind is {kind!r}, expected one of {tuple(kinds)}"
            )
        else:
            kinds[kind](editor, place, row)
    if not lines:
        editor.faults.add(path.name, 0, "empty_file", "there is no change in it")
    _check_parents(editor)
    editor.faults.refuse_if_any()
    return _finish(editor)


def _change_category(editor: _Editor, place: Place, row: Row) -> None:
    category_id = text_of(row, "category_id")
    known = editor.categories.get(category_id or "")
    changed = _changed(Category, known, place, row, editor, f"category {category_id!r}")
    if changed is not None:
        editor.categories[changed.category_id] = changed
        editor.places[changed.category_id] = place


def _change_tag(editor: _Editor, place: Place, row: Row) -> None:
    tag_id = text_of(row, "tag_id")
    changed = _changed(ScenarioTag, editor.tags.get(tag_id or ""), place, row, editor, f"tag {tag_id!r}")
    if changed is None:
        return
    for category_id in changed.category_ids:
        if category_id not in editor.categories:
            editor.fault(
                place, "unknown_category", f"no category {category_id!r}", f"category {category_id!r}"
            )
    editor.tags[changed.tag_id] = changed


def _change_key(editor: _Editor, place: Place, row: Row) -> None:
    key_id = text_of(row, "key_id") or ""
    if key_id in RESERVED_ATTRS:
        editor.faults.add(place.file, place.line, "reserved_id", f"key {key_id}: give it another id")
        return
    for category_id in _targets(editor, place, row, key_id):
        links = editor.keys.setdefault(category_id, {})
        known = links.get(key_id)
        mine = {**row, "category_id": category_id}
        words = _key_words(category_id, key_id)
        changed = _changed(AttributeKey, known.key if known else None, place, mine, editor, words)
        if changed is None:
            return
        links[key_id] = CategoryKey(changed, known.value_set_id if known else "")
        if known and known.key.name != changed.name:
            _values_of(editor, (category_id, key_id))  # the set is encoded under the key's name
        if known is None and editor.users is not None:
            editor.users.setdefault(key_id, []).append(category_id)


def _change_value(editor: _Editor, place: Place, row: Row) -> None:
    key_id, value_id = text_of(row, "key_id") or "", text_of(row, "value_id") or ""
    for category_id in _targets(editor, place, row, key_id):
        pair = (category_id, key_id)
        if key_id not in editor.keys.get(category_id, {}):
            words = f"category {category_id!r} has no key {key_id!r}"
            editor.fault(place, "unknown_key", words, _key_words(category_id, key_id))
            return
        values = _values_of(editor, pair)
        known = values.get(value_id)
        before = AttributeValue(category_id, key_id, **_fields(known)) if known else None
        mine = {**row, "category_id": category_id}
        words = f"value {value_id!r} of {_key_words(category_id, key_id)}"
        changed = _changed(AttributeValue, before, place, mine, editor, words)
        if changed is None:
            return
        values[changed.value_id] = value_of(changed)


def _targets(editor: _Editor, place: Place, row: Row, key_id: str) -> list[str]:
    """The categories that a line means; none after a fault."""
    category_id = text_of(row, "category_id")
    if category_id == ANY_CATEGORY:
        found = list(_users(editor).get(key_id, ()))
        if not found:
            editor.fault(place, "unknown_key", f"no category has a key {key_id!r}")
        return found
    if category_id is None or category_id not in editor.categories:
        words = f"category {row.get('category_id')!r}"
        editor.fault(place, "unknown_category", f"no {words}", words)
        return []
    return [category_id]


def _users(editor: _Editor) -> dict[str, list[str]]:
    if editor.users is None:
        editor.users = {}
        for category_id, links in editor.keys.items():
            for key_id in links:
                editor.users.setdefault(key_id, []).append(category_id)
    return editor.users


def _changed(record: type[Any], known: Any, place: Place, row: Row, editor: _Editor, words: str) -> Any:
    """The element after one line, or None and a fault."""
    given = {name: value for name, value in row.items() if name not in ("op", "kind")}
    if row["op"] == "upsert":
        present = _fields(known) if known else {}
        if present.get("status") == RETIRED:
            present["status"] = ACTIVE
        made = parse(record, place, {**present, **given}, editor.faults)
        if made is None:
            editor.refused.add(words)
        return made
    if known is None:
        editor.fault(place, "unknown_element", f"no {words} to retire", words)
        return None
    return replace(known, status=RETIRED)


def _key_words(category_id: str, key_id: str) -> str:
    return f"key {key_id!r} of category {category_id!r}"


def _fields(record: Any) -> dict[str, Any]:
    return asdict(record)


def _values_of(editor: _Editor, pair: Pair) -> dict[str, Value]:
    """The values of a pair, as a copy that may be changed."""
    if pair not in editor.edited:
        link = editor.keys[pair[0]][pair[1]]
        editor.edited[pair] = {value.value_id: value for value in editor.base.values_of(link)}
    return editor.edited[pair]


def _check_parents(editor: _Editor) -> None:
    for category_id in editor.base.categories:
        editor.places.setdefault(category_id, Place("the present version", 0))
    touched = any(place.line for place in editor.places.values())
    if touched:
        check_tree(editor.categories, editor.places, (), editor.faults)


def _finish(editor: _Editor) -> Snapshot:
    identities = Identities()
    made: dict[str, ValueSet] = {}
    for (category_id, key_id), values in editor.edited.items():
        link = editor.keys[category_id][key_id]
        set_id = ""
        if values:
            found = identities.value_set_of(link.key.name, list(values.values()))
            made.setdefault(found.value_set_id, found)
            set_id = found.value_set_id
        editor.keys[category_id][key_id] = CategoryKey(link.key, set_id)
    keys = {category_id: tuple(links.values()) for category_id, links in editor.keys.items() if links}
    return replace(
        editor.base,
        version="",
        categories=editor.categories,
        keys=keys,
        value_sets=dict(_used_sets(editor.base, keys, made)),
        tags=editor.tags,
    )


def _used_sets(
    base: Snapshot, keys: Mapping[str, tuple[CategoryKey, ...]], made: Mapping[str, ValueSet]
) -> Iterator[tuple[str, ValueSet]]:
    every = {**base.value_sets, **made}
    used = {link.value_set_id for links in (*keys.values(), base.spare_keys) for link in links}
    return ((found, every[found]) for found in every if found in used)
