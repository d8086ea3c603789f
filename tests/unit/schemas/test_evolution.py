"""What breaks a contract, and what does not."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from schemas.all import CONTRACTS
from schemas.derive import breaking_changes, json_schema, publish
from schemas.knowledge import KnowledgeRow
from schemas.listing import Listing

Change = Callable[[dict[str, Any]], None]


def at(schema: dict[str, Any], *path: str) -> dict[str, Any]:
    for name in path:
        schema = schema["properties"][name]
    return schema


def remove(schema: dict[str, Any], name: str) -> None:
    del schema["properties"][name]
    schema["required"] = [kept for kept in schema["required"] if kept != name]


BREAKING: list[tuple[Change, str]] = [
    (lambda s: remove(s, "confidence"), "confidence: required field removed"),
    (lambda s: s["required"].append("is_deleted"), "is_deleted: is now required"),
    (
        lambda s: (s["properties"].update(x={"type": "string"}), s["required"].append("x")),
        "x: new required field",
    ),
    (lambda s: at(s, "confidence").update(type="integer"), "confidence: no longer accepts number"),
    (lambda s: at(s, "spu_id").update(type="string"), "spu_id: no longer accepts null"),
    (lambda s: at(s, "status").update(enum=["stated"]), "status: no longer accepts 'not_stated'"),
    (
        lambda s: at(s, "provenance", "tier")["enum"].remove("nearline"),
        "provenance.tier: no longer accepts 'nearline'",
    ),
    (lambda s: at(s, "category_id").update(enum=["tea"]), "category_id: now one of ['tea']"),
    (lambda s: at(s, "item_id").update(maxLength=50), "item_id: maxLength now 50, was 200"),
    (lambda s: at(s, "item_id").update(minLength=2), "item_id: minLength now 2, was 1"),
    (lambda s: at(s, "confidence").update(minimum=0.5), "confidence: minimum now 0.5, was 0"),
    (lambda s: at(s, "digest").update(maxLength=64), "digest: maxLength now 64, was open"),
    (lambda s: at(s, "digest").update(pattern="^[0-9a-f]*$"), "digest: pattern now ^[0-9a-f]*$, was ^[^"),
    (lambda s: at(s, "evidence")["items"]["required"].append("note"), "evidence[].note: new required field"),
    (lambda s: at(s, "value_ids")["items"].update(maxLength=9), "value_ids[]: maxLength now 9, was open"),
]

HARMLESS: list[Change] = [
    lambda s: None,
    lambda s: s["properties"].update(note={"type": "string"}),
    lambda s: remove(s, "is_deleted"),
    lambda s: s["required"].remove("fingerprint"),
    lambda s: at(s, "fingerprint").update(type=["string", "null"]),
    lambda s: at(s, "status")["enum"].append("disputed"),
    lambda s: at(s, "status").pop("enum"),
    lambda s: at(s, "item_id").update(maxLength=500),
    lambda s: at(s, "item_id").pop("maxLength"),
    lambda s: at(s, "event_ms").update(type="number"),
    lambda s: at(s, "event_ms").update(minimum=-5),
    lambda s: at(s, "item_id").update(description="another explanation"),
]


@pytest.mark.parametrize(("change", "said"), BREAKING, ids=[said for _, said in BREAKING])
def test_breaking(change: Change, said: str) -> None:
    changed = deepcopy(json_schema(KnowledgeRow))
    change(changed)
    found = breaking_changes(json_schema(KnowledgeRow), changed)
    assert len(found) == 1
    assert found[0].startswith(said)


@pytest.mark.parametrize("change", HARMLESS)
def test_harmless(change: Change) -> None:
    changed = deepcopy(json_schema(KnowledgeRow))
    change(changed)
    assert breaking_changes(json_schema(KnowledgeRow), changed) == []


def test_names_and_values_of_a_map_are_compared() -> None:
    changed = deepcopy(json_schema(Listing))
    at(changed, "attributes")["additionalProperties"]["maxLength"] = 10
    at(changed, "attributes")["propertyNames"]["maxLength"] = 10
    assert breaking_changes(json_schema(Listing), changed) == [
        "attributes.*: maxLength now 10, was 20000",
        "attributes names: maxLength now 10, was 500",
    ]


def test_publish_refuses_a_broken_contract_and_writes_nothing(tmp_path: Path) -> None:
    publish(tmp_path)
    assert len(list(tmp_path.iterdir())) == len(CONTRACTS)
    path = tmp_path / "listing.v1.json"
    older = json.loads(path.read_text("utf-8"))
    at(older, "title")["maxLength"] = 10_000
    path.write_text(json.dumps(older), "utf-8")
    (tmp_path / "reject.v1.json").unlink()
    with pytest.raises(ValueError, match="title: maxLength now 4000, was 10000"):
        publish(tmp_path)
    assert json.loads(path.read_text("utf-8")) == older
    assert not (tmp_path / "reject.v1.json").exists()
