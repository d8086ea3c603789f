"""The lookup service over real HTTP and both stores: answers, limits, keys, rates, readiness, metrics, its own OpenAPI."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from infra.http_keys import ApiKey, digest_of
from infra.kv import open_kv
from jobs.services import lookup_schema as schema
from jobs.services.lookup import LookupConfig, lookup_app
from jobs.services.lookup_items import ItemLimits
from jobs.services.ontologies import Ontologies
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.store import OntologyStore, Source
from pipelines.tunnel.store import ItemRows
from pipelines.tunnel.store_follow import FollowStatus, status_bytes
from pipelines.tunnel.store_knowledge import KnowledgeStore
from tests.http_service import Client, served
from tests.unit.pipelines.tunnel.test_store import row
from udfs.version import ITEM_ATTR

ROOT = Path(__file__).parents[4]
NOW_MS = 1_790_000_000_000
SLOW = ApiKey("slow", digest_of("slow key"), items_per_s=0.5, burst=10)
FAST = ApiKey("fast", digest_of("fast key"))


@dataclass(frozen=True)
class Running:
    store: KnowledgeStore
    term: int
    client: Client
    slow: Client

    def put(self, *rows: Any, known_ms: int = 1) -> None:
        self.store.apply([ItemRows(one.item_id, (one,), known_ms) for one in rows], self.term)

    def say(self, **facts: Any) -> None:
        """What the consumer would tell of itself."""
        told = replace(FollowStatus(NOW_MS - 5_000, NOW_MS - 1_000, NOW_MS - 2_000), **facts)
        self.store.note("status", status_bytes(told), self.term)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warehouse")
    snapshot = load_interchange(ROOT / "infra/demo/catalog/ontology")
    OntologyStore(folder, "demo").commit(snapshot, Source("test"), 7)
    return folder


@pytest.fixture(scope="module", params=["embedded", "server"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, valkey: str, warehouse: Path
) -> Iterator[Running]:
    address = str(tmp_path_factory.mktemp("kv")) if request.param == "embedded" else valkey
    store = KnowledgeStore(open_kv(address))
    config = LookupConfig(ItemLimits(max_ids=20, max_page=20), max_body_bytes=4_000)
    app = lookup_app(store, Ontologies(warehouse), [SLOW, FAST], config, lambda: NOW_MS)
    with served(app, "fast key") as client:
        yield Running(store, store.begin_term(), client, Client(client.port, "slow key"))
    store.kv.close()


@pytest.fixture(autouse=True)
def empty(running: Running) -> None:
    running.store.kv.wipe()
    object.__setattr__(running, "term", running.store.begin_term())


def test_rows_in_lookup_out(running: Running) -> None:
    running.put(row("form", 1, "loose leaf", item="sku-1"))
    reply = running.client.get("/v1/items/sku-1")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json["facts"][0]["value_texts"] == ["loose leaf"]
    assert reply.json["category_id"] == "tea"
    jsonschema.validate(reply.json, schema.ITEM)
    running.put(row("form", 3, "bag", item="sku-1"), row("form", 2, "late", item="sku-1"))
    assert running.client.get("/v1/items/sku-1").json["facts"][0]["value_texts"] == ["bag"]
    running.put(row(ITEM_ATTR, 4, item="sku-1"))
    gone = running.client.get("/v1/items/sku-1").json
    assert (gone["is_deleted"], gone["facts"], gone["category_id"]) == (True, [], None)


def test_what_was_never_known_is_404(running: Running) -> None:
    reply = running.client.get("/v1/items/nobody")
    assert (reply.status, reply.json["error"]) == (404, "unknown_item")
    assert running.client.get("/v1/items/nobody/history").status == 404
    assert running.client.get("/v2/items/x").json == {"error": "http", "detail": "Not Found"}


@pytest.mark.parametrize("item", ["a/b/c", "红 茶", "100%", "a?b#c", "x" * 200, "..", "長" * 200])
def test_any_id_can_be_asked_for(running: Running, item: str) -> None:
    running.put(row("form", 1, item=item))
    assert running.client.get(f"/v1/items/{quote(item, safe='')}").json["item_id"] == item
    assert running.client.get(f"/v1/items/{quote(item, safe='')}/history").json["item_id"] == item
    assert running.client.post("/v1/items:batch", {"ids": [item]}).json["items"][0]["item_id"] == item


def test_many_at_once_in_the_order_asked_with_those_unknown(running: Running) -> None:
    running.put(*(row("form", 1, item=f"sku-{number}") for number in range(5)))
    reply = running.client.post("/v1/items:batch", {"ids": ["sku-3", "none", "sku-0", "sku-3"]})
    assert [one["item_id"] for one in reply.json["items"]] == ["sku-3", "sku-0", "sku-3"]
    assert reply.json["missing"] == ["none"]
    jsonschema.validate(reply.json, schema.BATCH)


def test_history_says_why_and_as_of_says_what(running: Running) -> None:
    running.put(row("form", 1, "leaf"), known_ms=NOW_MS)
    running.put(row("form", 2, "bag"), known_ms=NOW_MS + 1_000)
    history = running.client.get("/v1/items/i/history?attr=form").json
    jsonschema.validate(history, schema.HISTORY)
    told = [(one["row"]["value_texts"], one["from_ms"], one["until_ms"]) for one in history["history"]]
    assert told == [(["bag"], NOW_MS + 1_000, None), (["leaf"], NOW_MS, NOW_MS + 1_000)]
    assert history["history"][1]["row"]["provenance"]["method"] == "rule"
    for then in (str(NOW_MS + 999), "2026-09-21T14:13:20.9Z", "2026-09-21T16:13:20.9+02:00"):
        reply = running.client.get(f"/v1/items/i?as_of={then}")
        assert reply.json["facts"][0]["value_texts"] == ["leaf"], then
    assert running.client.get(f"/v1/items/i?as_of={NOW_MS + 1_000}").json["facts"][0]["value_texts"] == [
        "bag"
    ]
    assert running.client.get(f"/v1/items/i?as_of={NOW_MS - 1}").status == 404
    batch = running.client.post("/v1/items:batch", {"ids": ["i", "j"], "as_of": str(NOW_MS)}).json
    assert ([one["facts"][0]["value_texts"] for one in batch["items"]], batch["missing"]) == (
        [["leaf"]],
        ["j"],
    )
    running.store.note("began_ms", b"%d" % NOW_MS, running.term)
    assert running.client.get(f"/v1/items/i?as_of={NOW_MS - 1}").json["error"] == "history_gone"
    assert running.client.get("/v1/items/i?as_of=yesterday").json["error"] == "bad_time"


def test_the_past_is_read_beside_the_event_loop(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch as of a time reads the history of 500 items: whoever asks for one item meanwhile must not wait for it."""
    running.put(row("form", 1, "leaf"))
    asked, may_go_on = threading.Event(), threading.Event()

    def slow(self: KnowledgeStore, item_id: str, moment_ms: int) -> bytes | None:
        asked.set()
        assert may_go_on.wait(20)
        return self.views([item_id])[0]

    monkeypatch.setattr(KnowledgeStore, "view_at", slow)
    past: list[int] = []
    ask = threading.Thread(target=lambda: past.append(running.client.get("/v1/items/i?as_of=5").status))
    ask.start()
    try:
        assert asked.wait(20)
        assert running.client.get("/v1/items/i").status == 200
    finally:
        may_go_on.set()
        ask.join()
    assert past == [200]


def test_a_category_is_read_page_by_page(running: Running) -> None:
    names = [f"sku-{number:02}" for number in range(7)]
    running.put(*(row("form", 1, category="a/b", item=name) for name in names))
    seen, cursor = [], None
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        page = running.client.get(f"/v1/categories/a%2Fb/items?limit=3{more}").json
        jsonschema.validate(page, schema.PAGE)
        assert [one["item_id"] for one in page["items"]] == page["ids"]
        seen += page["ids"]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == names
    assert running.client.get("/v1/categories/a%2Fb/items?ids_only=true").json["items"] == []
    assert running.client.get("/v1/categories/none/items").json["ids"] == []
    assert running.client.get("/v1/categories/a%2Fb/items?cursor=%21").json["error"] == "bad_cursor"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"ids": [f"i{n}" for n in range(21)]}, 422, "too_many_ids"),
        ({"ids": []}, 422, "bad_request"),
        ({"ids": ["x" * 201]}, 422, "bad_request"),
        ({"ids": "sku-1"}, 422, "bad_request"),
        ({"ids": [{"$gt": ""}]}, 422, "bad_request"),
        (b"{not json", 422, "bad_request"),
        (b"[" * 3_000, 400, "http"),
        (b"\xff\xfe", 422, "bad_request"),
        (b"x" * 4_001, 413, "too_large"),
    ],
)
def test_a_wrong_request_is_refused_with_its_reason(
    running: Running, body: Any, status: int, code: str
) -> None:
    reply = running.client.post("/v1/items:batch", body)
    assert (reply.status, reply.json["error"]) == (status, code)
    assert len(reply.body) < 500


def test_a_body_that_does_not_say_its_length_is_cut_off(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.client.port), timeout=20) as link:
        head = "POST /v1/items:batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer fast key\r\n"
        link.sendall((head + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
        for _ in range(10):
            link.sendall(b"200\r\n" + b"x" * 512 + b"\r\n")
            if select.select([link], [], [], 0.2)[0]:
                break  # the answer is there: to send on would be answered by a reset
        assert link.recv(4_000).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic fast key"},
        {"X-API-Key": "fast"},
        {"X-API-Key": "\xff"},
    ],
)
def test_without_a_key_nothing_is_told(running: Running, headers: dict[str, str]) -> None:
    running.put(row("form", 1))
    for method, path, body in (
        ("GET", "/v1/items/i", None), ("POST", "/v1/items:batch", {"ids": ["i"]}), ("GET", "/v1/ontology", None),
        ("GET", "/v1/items/i/history", None), ("GET", "/v1/categories/tea/items", None), ("GET", "/nowhere", None),
    ):  # fmt: skip
        reply = running.client.ask(method, path, body, headers)
        assert (reply.status, reply.json["error"]) == (401, "unauthorized")
    for path in ("/healthz", "/metrics", "/openapi.json"):
        assert running.client.ask("GET", path, None, headers).status == 200


def test_both_ways_to_give_a_key(running: Running) -> None:
    for headers in ({"X-API-Key": "fast key"}, {"authorization": "bearer fast key"}):
        assert running.client.ask("GET", "/v1/items/none", None, headers).status == 404


def test_a_caller_above_its_rate_waits_and_others_do_not(running: Running) -> None:
    first = running.slow.post("/v1/items:batch", {"ids": ["a"] * 9})
    over = running.slow.post("/v1/items:batch", {"ids": ["a"] * 9})
    assert (first.status, over.status, over.json["error"]) == (200, 429, "rate")
    assert 1 <= int(over.headers["retry-after"]) <= 20
    assert running.client.post("/v1/items:batch", {"ids": ["a"] * 9}).status == 200


def test_readiness_follows_the_consumer(running: Running) -> None:
    def why() -> tuple[int, Any]:
        reply = running.client.get("/readyz")
        return reply.status, reply.json["why_not"]

    assert why() == (503, ["the consumer gives no sign of life: see the log"])
    running.say(caught_up_ms=None)
    assert why() == (503, ["the store has not caught up with its topics yet"])
    running.say()
    assert why() == (200, [])
    running.say(beat_ms=NOW_MS - 16_000)
    assert why()[0] == 503
    running.say(problem="no broker")
    assert why() == (503, ["no broker"])
    running.say()
    running.store.note("rebuilding", b"1", running.term)
    assert why()[0] == 503
    assert running.client.get("/healthz").status == 200


def test_metrics_count_requests_and_tell_lag(running: Running) -> None:
    def value(name: str) -> float:
        lines = running.client.get("/metrics").body.decode().splitlines()
        found = [line for line in lines if line.startswith(name + " ")]
        return float(found[0].rsplit(" ", 1)[1]) if found else 0.0

    unknown = 'aiic_http_requests_total{route="/v1/items/{item_id:path}",status="404"}'
    before = value(unknown)
    running.client.get("/v1/items/nobody")
    assert value(unknown) == before + 1
    assert value("aiic_lookup_ready") == 0
    running.say(lag={"item-knowledge.results": 12}, refused={"not_json": 3}, changed_rows=40)
    assert value("aiic_lookup_ready") == 1
    assert value('aiic_lookup_lag_messages{topic="item-knowledge.results"}') == 12
    assert value('aiic_lookup_refused_total{reason="not_json"}') == 3
    assert value("aiic_lookup_changed_rows_total") == 40
    assert value("aiic_lookup_beat_age_seconds") == 1


def test_openapi_names_every_route_and_its_answers(running: Running) -> None:
    told = running.client.get("/openapi.json").json
    assert set(told["paths"]) == {
        "/v1/items/{item_id}", "/v1/items/{item_id}/history", "/v1/items:batch", "/v1/categories/{category_id}/items",
        "/v1/ontology", "/v1/ontology/{name}/versions", "/v1/ontology/{name}/categories/{category_id}",
        "/v1/ontology/{name}/keys/{key_id}", "/v1/ontology/{name}/values/{value_id}", "/healthz", "/readyz", "/metrics",
        "/v1/rows",
    }  # fmt: skip
    answers = told["paths"]["/v1/items:batch"]["post"]["responses"]
    assert {"200", "401", "429", "422"} <= set(answers)
    said = answers["200"]["content"]["application/json"]["schema"]
    running.put(row("form", 1))
    batch = running.client.post("/v1/items:batch", {"ids": ["i"]}).json
    jsonschema.validate(batch, said)
    del batch["items"][0]["facts"][0]["evidence"]
    with pytest.raises(jsonschema.ValidationError, match="evidence"):
        jsonschema.validate(batch, said)


def test_ontology_by_id(running: Running) -> None:
    get = running.client.get
    assert get("/v1/ontology").json == {"ontologies": ["demo"]}
    versions = get("/v1/ontology/demo/versions").json
    assert (versions["released"], [one["number"] for one in versions["versions"]]) == (None, [1])
    category = get("/v1/ontology/demo/categories/coffee").json
    assert category["category"]["category_id"] == "coffee"
    assert category["version"] == versions["versions"][0]["version"]
    keys = {one["key_id"]: one for one in category["keys"]}
    assert keys["flavor_notes"]["values"] > 0
    key = get("/v1/ontology/demo/keys/flavor_notes?category=coffee").json
    assert len(key["values"]) == keys["flavor_notes"]["values"]
    value_id = key["values"][0]["value_id"]
    value = get(f"/v1/ontology/demo/values/{quote(value_id, safe='')}").json
    assert {"category_id": "coffee", "key_id": "flavor_notes"} in value["places"][0]["used_by"]
    assert value["places"][0]["value"]["text"] == key["values"][0]["text"]
    for path in (
        "/v1/ontology/none/versions", "/v1/ontology/demo/categories/none", "/v1/ontology/demo/keys/none",
        "/v1/ontology/demo/values/none", "/v1/ontology/demo/categories/coffee?version=v99", "/v1/ontology/..%2F/versions",
    ):  # fmt: skip
        assert get(path).status == 404, path


def test_many_callers_at_once_while_rows_change_see_whole_items(running: Running) -> None:
    """A reader gets the item before or after a write, never a mixture."""
    running.put(row("form", 1, "1"), row("origin", 1, "1"))

    async def read() -> list[set[str]]:
        def one() -> set[str]:
            facts = running.client.get("/v1/items/i").json["facts"]
            return {fact["value_texts"][0] for fact in facts}

        return [await asyncio.to_thread(one) for _ in range(15)]

    def write() -> None:
        for version in range(2, 60):
            rows = (row("form", version, str(version)), row("origin", version, str(version)))
            running.store.apply([ItemRows("i", rows, version)], running.term)

    async def both() -> list[list[set[str]]]:
        found = await asyncio.gather(*(read() for _ in range(4)), asyncio.to_thread(write))
        return list(found[:4])

    assert all(len(said) == 1 for reader in asyncio.run(both()) for said in reader)
