"""What the algorithm service is asked and answers, for OpenAPI: taken from the contracts where they say it."""

from __future__ import annotations

from typing import Any

from schemas.json_form import json_schema
from schemas.knowledge import METHODS, KnowledgeRow
from schemas.listing import Listing

_TEXT: dict[str, Any] = {"type": "string"}
_SHARE: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}
_EVIDENCE = json_schema(KnowledgeRow)["properties"]["evidence"]


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _answers(one: dict[str, Any]) -> dict[str, Any]:
    """Answers of all texts, same order."""
    return _object({"answers": _list(one)})


def text_schema() -> dict[str, Any]:
    """A listing as it may be sent: the interchange form, of which only the title is needed."""
    whole = json_schema(Listing)
    kept = {
        name: value for name, value in whole.items() if name not in ("$schema", "$id", "title", "description")
    }
    return kept | {"required": ["title"]}


_FACT = _object(
    {
        "key_id": _TEXT,
        "values": _list(_TEXT) | {"description": "none: the text does not state the key"},
        "value_ids": _list(_TEXT) | {"description": "ids of values that the ontology lists, same order"},
        "evidence": _EVIDENCE,
        "confidence": _SHARE,
        "method": {"type": "string", "enum": list(METHODS)},
        "prompt_version": _TEXT,
        "chances": _list(_SHARE) | {"description": "the chance of each value where it is known"},
        "source": _TEXT | {"description": "the item that lent the answer; empty for none"},
    }
)
_PART = _object(
    {
        "text": _TEXT,
        "role": {"type": "string", "enum": ["brand", "kind", "attribute", "title"]},
        "key_id": _TEXT | {"description": "the key that the part answers; empty for none"},
        "evidence": _EVIDENCE,
    }
)
_TITLE = _object({"text": _TEXT, "parts": _list(_PART)})
_PLACED: dict[str, Any] = {"item_id": _TEXT, "category_id": _TEXT}

CATEGORY = _answers(_object(_PLACED | {"confidence": _SHARE}))
ATTRIBUTES = _answers(
    _object(_PLACED | {"category_confidence": _SHARE, "answers": _list(_FACT), "ontology_version": _TEXT})
)
TITLES = _answers(_object(_PLACED | {"short": _TITLE, "long": _TITLE}))
