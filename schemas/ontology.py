"""Ontology elements (paper section 3.1): category, attribute key, attribute value, scenario tag."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.contract import Example, Invalid, contract

VALUE_KINDS = ("enumerated", "identifier", "measure", "free")
STATUSES = ("active", "candidate", "retired")
IMPORTANCES = ("star", "emerging", "stable", "low_value")


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
    valid=Example({"category_id": "tea", "name": "Tea", "parent_id": None}),
    invalid=(Invalid({"category_id": "tea", "name": ""}, "name"),),
)
@dataclass(frozen=True, slots=True)
class Category:
    """Row of `category` v1: a node of the item taxonomy. Key: category_id."""

    category_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "id, unique in the ontology"})
    name: str = field(metadata={"min_length": 1, "max_length": 500, "doc": "name"})
    parent_id: str | None = field(default=None, metadata={"doc": "parent category; null: a root"})
    description: str = field(default="", metadata={"doc": "what belongs here"})
    synonyms: tuple[str, ...] = field(default=(), metadata={"doc": "other names, in any language"})
    status: str = field(default="active", metadata={"enum": STATUSES, "doc": "life-cycle state"})
    importance: str = field(default="stable", metadata={"enum": IMPORTANCES, "doc": "scale x trend class"})
    provenance: str = field(default="expert", metadata={"doc": "who or what added it"})


@contract(
    name="attribute_key",
    version=1,
    key=("category_id", "key_id"),
    owner="ontology",
    valid=Example(
        {"category_id": "tea", "key_id": "net_weight", "name": "Net weight", "description": "", "value_kind": "measure"}
    ),
    invalid=(
        Invalid({"category_id": "tea", "key_id": "k", "name": "K", "value_kind": "number"}, "value_kind"),
        Invalid({"category_id": "tea", "key_id": "", "name": "K", "value_kind": "free"}, "key_id"),
    ),
)
@dataclass(frozen=True, slots=True)
class AttributeKey:
    """Row of `attribute_key` v1: an item feature dimension of a category. Key: (category_id, key_id)."""

    category_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "category that has the key"})
    key_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "id, unique in the category"})
    name: str = field(metadata={"min_length": 1, "max_length": 500, "doc": "name"})
    description: str = field(default="", metadata={"doc": "business definition d_k"})
    value_kind: str = field(default="enumerated", metadata={"enum": VALUE_KINDS, "doc": "how values come about"})
    normalization: Normalization | None = field(default=None, metadata={"doc": "surface text to canonical value"})
    synonyms: tuple[str, ...] = field(default=(), metadata={"doc": "other names, in any language"})
    multi_valued: bool | None = field(default=None, metadata={"doc": "several values at once; null: not known"})
    status: str = field(default="active", metadata={"enum": STATUSES, "doc": "life-cycle state"})
    importance: str = field(default="stable", metadata={"enum": IMPORTANCES, "doc": "scale x trend class"})
    provenance: str = field(default="expert", metadata={"doc": "who or what added it"})


@contract(
    name="attribute_value",
    version=1,
    key=("category_id", "key_id", "value_id"),
    owner="ontology",
    valid=Example({"category_id": "tea", "key_id": "form", "value_id": "tea.form.1", "text": "loose leaf", "frequency": 3}),
    invalid=(Invalid({"category_id": "tea", "key_id": "form", "value_id": "v", "text": ""}, "text"),),
)
@dataclass(frozen=True, slots=True)
class AttributeValue:
    """Row of `attribute_value` v1: one value of a key in a category. Key: (category_id, key_id, value_id)."""

    category_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "category"})
    key_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "attribute key"})
    value_id: str = field(metadata={"min_length": 1, "max_length": 300, "doc": "id, unique in (category, key)"})
    text: str = field(metadata={"min_length": 1, "max_length": 2_000, "doc": "canonical text"})
    frequency: int = field(default=0, metadata={"minimum": 0, "doc": "times seen where it was collected"})
    synonyms: tuple[str, ...] = field(default=(), metadata={"doc": "other texts of the same value"})
    status: str = field(default="active", metadata={"enum": STATUSES, "doc": "life-cycle state"})
    importance: str = field(default="stable", metadata={"enum": IMPORTANCES, "doc": "scale x trend class"})
    provenance: str = field(default="expert", metadata={"doc": "who or what added it"})


@contract(
    name="scenario_tag",
    version=1,
    key=("tag_id",),
    owner="ontology",
    valid=Example({"tag_id": "watch_party", "name": "World Cup watch party"}),
    invalid=(Invalid({"tag_id": "watch_party", "name": ""}, "name"),),
)
@dataclass(frozen=True, slots=True)
class ScenarioTag:
    """Row of `scenario_tag` v1: a composite concept of a consumption context. Key: tag_id."""

    tag_id: str = field(metadata={"min_length": 1, "max_length": 200, "doc": "id, unique in the ontology"})
    name: str = field(metadata={"min_length": 1, "max_length": 500, "doc": "name"})
    description: str = field(default="", metadata={"doc": "the context in words"})
    synonyms: tuple[str, ...] = field(default=(), metadata={"doc": "other names, in any language"})
    category_ids: tuple[str, ...] = field(default=(), metadata={"doc": "categories it applies to; empty: all"})
    status: str = field(default="active", metadata={"enum": STATUSES, "doc": "life-cycle state"})
    importance: str = field(default="stable", metadata={"enum": IMPORTANCES, "doc": "scale x trend class"})
    provenance: str = field(default="expert", metadata={"doc": "who or what added it"})
