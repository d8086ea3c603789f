"""What the lookup service's answers look like, for OpenAPI: taken from the contracts, so that they cannot part."""

from __future__ import annotations

from typing import Any

from pipelines.tunnel.store_codec import SHOWN_FIELDS
from schemas.json_form import json_schema
from schemas.knowledge import KnowledgeRow

_ROW = json_schema(KnowledgeRow)
_TEXT: dict[str, Any] = {"type": "string"}
_MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_MS: dict[str, Any] = {"type": "integer", "description": "Unix ms, UTC"}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


FACT = _object({name: _ROW["properties"][name] for name in SHOWN_FIELDS})
ITEM = _object(
    {
        "item_id": _TEXT,
        "category_id": _MAYBE_TEXT | {"description": "null where nothing of the item lives"},
        "spu_id": _MAYBE_TEXT,
        "is_deleted": {"type": "boolean", "description": "the item was taken down"},
        "version": {"type": "integer", "description": "greatest version of its rows"},
        "facts": _list(FACT),
        "not_stated": _list(_TEXT) | {"description": "keys that were looked for and are not stated"},
    }
)
BATCH = _object({"items": _list(ITEM), "missing": _list(_TEXT)})
PAGE = _object({"category_id": _TEXT, "ids": _list(_TEXT), "items": _list(ITEM), "cursor": _MAYBE_TEXT})
_WHOLE_ROW = {name: value for name, value in _ROW.items() if name not in ("$schema", "$id")}
ROWS = _object(
    {
        "rows": _list({"anyOf": [_WHOLE_ROW, _list({"type": ["string", "integer"]})]}),
        "cursor": _MAYBE_TEXT,
    }
)
PAST = _object(
    {
        "from_ms": _MS | {"description": "since when this was what we said, Unix ms"},
        "until_ms": {"type": ["integer", "null"], "description": "until when; null: it is what we say now"},
        "row": _WHOLE_ROW,
    }
)
HISTORY = _object(
    {
        "item_id": _TEXT,
        "exact_from_ms": _MS | {"description": "from when on the history is whole"},
        "history": _list(PAST),
    }
)
