"""Ontology elements (paper section 3.1): category, attribute key, attribute value, scenario tag."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.contract import ABSENT, Example, contract, spoiled

VALUE_KINDS = ("enumerated", "identifier", "measure", "free")
STATUSES = ("active", "candidate", "retired")
IMPORTANCES = ("star", "emerging", "stable", "low_value")

_CATEGORY: dict[str, object] = {"category_id": "tea", "name": "Tea", "parent_id": None, "synonyms": ["茶叶"]}
_KEY: dict[str, object] = {
    "category_id": "tea",
    "key_id": "net_weight",
    "name": "Net weight",
    "description": "Weight of the contents without the packaging.",
    "value_kind": "measure",
    "normalization": {"rule": "Unit Conversion", "instruction": "Convert to grams."},
}
_VALUE: dict[str, object] = {
    "category_id": "tea",
    "key_id": "form",
    "value_id": "tea.form.1",
    "text": "loose leaf",
    "frequency": 3,
    "synonyms": ["散茶"],
}
_TAG: dict[str, object] = {
    "tag_id": "watch_party",
    "name": "World Cup watch party",
    "category_ids": ["snacks"],
}


@dataclass(frozen=True, slots=True)
class Normalization:
    """How a key's surface text becomes its canonical value."""

    rule: str = field(metadata={"min_length": 1, "doc": "rule name, e.g. Unit Conversion"})
    instruction: str = field(default="", metadata={"doc": "the rule in words, e.g. to centimetres"})


@contract(
    name="category",
    version=1,
    key=("category_id",),
    owner="ontology",
    valid=Example(_CATEGORY),
    invalid=(spoiled(_CATEGORY, "name", ""), spoiled(_CATEGORY, "category_id", ABSENT)),
)
@dataclass(frozen=True, slots=True)
class Category:
    """Row of `category` v1: a node of the item taxonomy. Key: category_id."""

    category_id: str = field(
        metadata={"min_length": 1, "max_length": 200, "doc": "id, unique in the ontology"}
    )
    name: str = field(metadata={"min_length": 1, "max_length": 500, "doc": "name"})
    parent_id: str | None = field(
        default=None, metadata={"max_length": 200, "doc": "parent category; null: a root"}
    )
    description: str = field(default="", metadata={"max_length": 20_000, "doc": "what belongs here"})
    synonyms: tuple[str, ...] = field(
        default=(), metadata={"item_max_length": 2_000, "doc": "other names, in any language"}
    )
    status: str = field(default="active", metadata={"enum": STATUSES, "doc": "life-cycle state"})
    importance: str = field(default="stable", metadata={"enum": IMPORTANCES, "doc": "scale x trend class"})
    provenance: str = field(default="expert", metadata={"doc": "who or what added it"})


@contract(
    name="attribute_key",
    version=1,
    key=("category_id", "key_id"),
    owner="ontology",
    valid=Example(_KEY),
    invalid=(
        spoiled(_KEY, "value_kind", "number"),
        spoiled(_KEY, "key_id", ""),
        spoiled(_KEY, "normalization", {"rule": ""}),
    ),
)
@dataclass(frozen=True, slots=True)
class AttributeKey:
    """Row of `attribute_key` v1: an item feature dimension of a category. Key: (category_id, key_id)."""

    category_id: str = field(
        metadata={"min_length": 1, "max_length": 200, "doc": "category that has the key"}
    )
    key_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "id, unique in the category"})
    name: str = field(metadata={"min_length": 1, "max_length": 500, "doc": "name"})
    description: str = field(default="", metadata={"max_length": 20_000, "doc": "business definition d_k"})
    value_kind: str = field(
        default="enumerated", metadata={"enum": VALUE_KINDS, "doc": "how values come about"}
    )
    normalization: Normalization | None = field(
        default=None, metadata={"doc": "surface text to canonical value"}
    )
    synonyms: tuple[str, ...] = field(
        default=(), metadata={"item_max_length": 2_000, "doc": "other names, in any language"}
    )
    multi_valued: bool | None = field(
        default=None, metadata={"doc": "several values at once; null: not known"}
    )
    status: str = field(default="active", metadata={"enum": STATUSES, "doc": "life-cycle state"})
    importance: str = field(default="stable", metadata={"enum": IMPORTANCES, "doc": "scale x trend class"})
    provenance: str = field(default="expert", metadata={"doc": "who or what added it"})


@contract(
    name="attribute_value",
    version=1,
    key=("category_id", "key_id", "value_id"),
    owner="ontology",
    valid=Example(_VALUE),
    invalid=(
        spoiled(_VALUE, "text", ""),
        spoiled(_VALUE, "frequency", -1),
        spoiled(_VALUE, "synonyms", "散茶"),
    ),
)
@dataclass(frozen=True, slots=True)
class AttributeValue:
    """Row of `attribute_value` v1: one value of a key in a category. Key: (category_id, key_id, value_id)."""

    category_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "category"})
    key_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "attribute key"})
    value_id: str = field(
        metadata={"min_length": 1, "max_length": 300, "doc": "id, unique in (category, key)"}
    )
    text: str = field(metadata={"min_length": 1, "max_length": 2_000, "doc": "canonical text"})
    frequency: int = field(default=0, metadata={"minimum": 0, "doc": "times seen where it was collected"})
    synonyms: tuple[str, ...] = field(
        default=(), metadata={"item_max_length": 2_000, "doc": "other texts of the same value"}
    )
    status: str = field(default="active", metadata={"enum": STATUSES, "doc": "life-cycle state"})
    importance: str = field(default="stable", metadata={"enum": IMPORTANCES, "doc": "scale x trend class"})
    provenance: str = field(default="expert", metadata={"doc": "who or what added it"})


@contract(
    name="scenario_tag",
    version=1,
    key=("tag_id",),
    owner="ontology",
    valid=Example(_TAG),
    invalid=(spoiled(_TAG, "name", ""), spoiled(_TAG, "category_ids", [7])),
)
@dataclass(frozen=True, slots=True)
class ScenarioTag:
    """Row of `scenario_tag` v1: a composite concept of a consumption context. Key: tag_id."""

    tag_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "id, unique in the ontology"})
    name: str = field(metadata={"min_length": 1, "max_length": 500, "doc": "name"})
    description: str = field(default="", metadata={"max_length": 20_000, "doc": "the context in words"})
    synonyms: tuple[str, ...] = field(
        default=(), metadata={"item_max_length": 2_000, "doc": "other names, in any language"}
    )
    category_ids: tuple[str, ...] = field(
        default=(), metadata={"doc": "categories it applies to; empty: all"}
    )
    status: str = field(default="active", metadata={"enum": STATUSES, "doc": "life-cycle state"})
    importance: str = field(default="stable", metadata={"enum": IMPORTANCES, "doc": "scale x trend class"})
    provenance: str = field(default="expert", metadata={"doc": "who or what added it"})
