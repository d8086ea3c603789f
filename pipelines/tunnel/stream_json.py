"""Arrivals, item states and work as JSON text, which outlives a new version of the code: pickled objects would not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from pipelines.tunnel.events import Arrival
from pipelines.tunnel.stream_state import ItemState, Work
from schemas.json_form import to_mapping
from schemas.listing import Listing
from schemas.parse import parse_record


def record_json(record: Any) -> str:
    """A contract's record as one line of JSON."""
    return _line(to_mapping(record))


def stated_json(record: Any) -> str:
    """A contract's record as one line of JSON, without the fields that have their default."""
    unset = {one.name for one in fields(record) if getattr(record, one.name) == _default(one)}
    return _line({name: value for name, value in to_mapping(record).items() if name not in unset})


def _default(one: Field[Any]) -> Any:
    return one.default_factory() if one.default_factory is not MISSING else one.default


def arrival_json(arrival: Arrival) -> str:
    """An arrival as text."""
    return _line(_arrival_mapping(arrival))


def arrival_of(text: str) -> Arrival:
    """The arrival of a text by `arrival_json`."""
    return _arrival(json.loads(text))


def state_json(state: ItemState) -> str:
    """An item's state as text."""
    return _line(
        {
            "newest": _arrival_mapping(state.newest),
            "stamp_ms": state.stamp_ms,
            "is_mine": state.is_mine,
            "told": state.told,
            "told_ms": state.told_ms,
            "due_ms": state.due_ms,
        }
    )


def state_of(text: str | None) -> ItemState | None:
    """The state of a text by `state_json`; None where there is none yet."""
    if text is None:
        return None
    fields = json.loads(text)
    return ItemState(**{**fields, "newest": _arrival(fields["newest"])})


def work_json(work: Work) -> str:
    """Work as text."""
    return _line({"arrival": _arrival_mapping(work.arrival), "stamp_ms": work.stamp_ms})


def work_of(text: str) -> Work:
    """The work of a text by `work_json`."""
    fields = json.loads(text)
    return Work(_arrival(fields["arrival"]), int(fields["stamp_ms"]))


def _arrival_mapping(arrival: Arrival) -> dict[str, Any]:
    return {
        "listing": to_mapping(arrival.listing),
        "event_ms": arrival.event_ms,
        "digest": arrival.digest,
        "text": arrival.text,
        "arrived_ms": arrival.arrived_ms,
        "origin": list(arrival.origin),
        "deferred": arrival.deferred,
    }


def _arrival(fields: Mapping[str, Any]) -> Arrival:
    topic, partition, offset = fields["origin"]
    listing = parse_record(Listing, fields["listing"])
    return Arrival(**{**fields, "listing": listing, "origin": (str(topic), int(partition), int(offset))})


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
