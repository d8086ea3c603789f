"""The catalog as files: ontology, listings, gold, notes and updates in the interchange form."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from infra.demo.bad_listings import bad_files
from infra.demo.model import Category, Draft, Key
from infra.demo.tree import BRANCHES, LEAVES, TAGS


def _lines(rows: Iterable[object]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def category_rows() -> list[dict[str, object]]:
    """categories.jsonl: parents before children."""
    branches: list[dict[str, object]] = [
        {
            "category_id": id_,
            "name": name,
            "parent_id": parent,
            "description": text,
            "synonyms": list(synonyms),
        }
        for id_, name, parent, text, synonyms in BRANCHES
    ]
    leaves: list[dict[str, object]] = [
        {
            "category_id": c.category_id,
            "name": c.name,
            "parent_id": c.parent_id,
            "description": c.description,
            "synonyms": list(c.synonyms),
        }
        for c in sorted(LEAVES, key=lambda leaf: leaf.category_id)
    ]
    return [*branches, *leaves]


def key_rows() -> list[dict[str, object]]:
    """keys.jsonl, by category."""
    return [_key_row(leaf, key) for leaf in sorted(LEAVES, key=lambda c: c.category_id) for key in leaf.keys]


def _key_row(leaf: Category, key: Key) -> dict[str, object]:
    row: dict[str, object] = {
        "category_id": leaf.category_id,
        "key_id": key.key_id,
        "name": key.name,
        "description": key.description,
        "value_kind": key.kind,
        "normalization": key.norm.as_json() if key.norm else None,
        "synonyms": list(key.synonyms),
    }
    return {**row, "multi_valued": True} if key.multi else row


def value_rows(drafts: list[Draft]) -> list[dict[str, object]]:
    """values.jsonl: every enumerated value, and the few examples of the other kinds.

    frequency is the number of listings of the catalog that state the value.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    for draft in drafts:
        for key_id, values in draft.gold().items():
            seen.update((draft.category.category_id, key_id, value) for value in values)
    rows: list[dict[str, object]] = []
    for leaf in sorted(LEAVES, key=lambda c: c.category_id):
        for key in leaf.keys:
            for number, (text, synonyms) in enumerate(_entries(key)):
                rows.append(
                    {
                        "category_id": leaf.category_id,
                        "key_id": key.key_id,
                        "value_id": f"{leaf.category_id}.{key.key_id}.{number}",
                        "text": text,
                        "frequency": seen[leaf.category_id, key.key_id, text],
                        **({"synonyms": list(synonyms)} if synonyms else {}),
                    }
                )
    return rows


def _entries(key: Key) -> list[tuple[str, tuple[str, ...]]]:
    stored = key.facts if key.kind in ("enumerated", "free") else ()
    return [(fact.text, fact.synonyms) for fact in stored] + [(text, ()) for text in key.listed]


def tag_rows() -> list[dict[str, object]]:
    """tags.jsonl: the scenario tags (our extension of the interchange form)."""
    return [
        {
            "tag_id": id_,
            "name": name,
            "description": text,
            "synonyms": list(synonyms),
            "category_ids": list(leaves),
        }
        for id_, name, text, synonyms, leaves in TAGS
    ]


def gold_rows(drafts: list[Draft]) -> list[dict[str, object]]:
    """gold.jsonl: one row for every item and key of its true category."""
    return [
        {"item_id": draft.row["item_id"], "key_id": key_id, "values": values}
        for draft in drafts
        for key_id, values in draft.gold().items()
    ]


def note_rows(drafts: list[Draft]) -> list[dict[str, object]]:
    """notes.jsonl: the true category of every item, what is odd about it, and keys that are only implied."""
    return [
        {
            "item_id": draft.row["item_id"],
            "category_id": draft.category.category_id,
            "notes": draft.notes,
            "implied_keys": sorted({said.key_id for said in draft.statements if said.implied}),
        }
        for draft in drafts
    ]


def catalog_files(drafts: list[Draft], updates: list[Draft]) -> dict[str, bytes]:
    """Every generated file of the catalog, by its name."""
    alive = [draft for draft in updates if not draft.row.get("is_deleted") and "late" not in draft.notes]
    return {
        "ontology/categories.jsonl": _lines(category_rows()),
        "ontology/keys.jsonl": _lines(key_rows()),
        "ontology/values.jsonl": _lines(value_rows(drafts)),
        "ontology/tags.jsonl": _lines(tag_rows()),
        "listings.jsonl": _lines(draft.row for draft in drafts),
        "gold.jsonl": _lines(gold_rows(drafts)),
        "notes.jsonl": _lines(note_rows(drafts)),
        "updates.jsonl": _lines(draft.row for draft in updates),
        "updates_gold.jsonl": _lines(gold_rows(alive)),
        **bad_files(),
    }
