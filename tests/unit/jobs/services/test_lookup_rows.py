"""All rows of a lookup service over real HTTP, page by page, and the ways in which reconciliation reaches a store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from infra import lookup_pages
from infra.http_keys import ApiKey, digest_of
from infra.kv import open_kv
from infra.lookup_pages import LookupUnavailable, pages, require_ready
from jobs.batch.reconcile_store import open_store_rows
from jobs.services import lookup_schema as schema
from jobs.services.lookup import LookupConfig, lookup_app, now_ms
from jobs.services.ontologies import Ontologies
from pipelines.tunnel.reconcile import mark_of
from pipelines.tunnel.store import ItemRows
from pipelines.tunnel.store_follow import STATUS, FollowStatus, status_bytes
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.knowledge import KnowledgeRow
from tests.http_service import Client, served
from tests.unit.pipelines.tunnel.test_store import row
from tests.valkey_server import valkey_server
from udfs.version import ITEM_ATTR, settle

KEYS = [ApiKey("all", digest_of("key")), ApiKey("slow", digest_of("slow"), items_per_s=50, burst=9)]
GIVEN = [
    *[row(attr, 5, item=f"i{number}") for number in range(20) for attr in ("form", "origin")],
    row("form", 4, "late", item="i3"),
    row("volume", 6, category="cup", item="i4"),  # retires what i4 was as a tea
    row(ITEM_ATTR, 7, item="i5"),
    row("form", 5, item="長" * 200),
]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Client, KnowledgeStore]]:
    store = KnowledgeStore(open_kv(str(tmp_path / "store")))
    store.apply([ItemRows(one.item_id, (one,), 1) for one in GIVEN], store.begin_term())
    with served(lookup_app(store, Ontologies(tmp_path), KEYS, LookupConfig()), "key") as client:
        yield client, store
    store.kv.close()


def url_of(client: Client) -> str:
    return f"http://127.0.0.1:{client.port}"


def by_key(rows: list[KnowledgeRow]) -> dict[tuple[str, str], KnowledgeRow]:
    assert len({(one.item_id, one.attr_id) for one in rows}) == len(rows)
    return {(one.item_id, one.attr_id): one for one in rows}


def test_every_row_comes_once_whatever_the_pages(
    service: tuple[Client, KnowledgeStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store = service
    store.note(STATUS, status_bytes(FollowStatus(1, beat_ms=now_ms(), caught_up_ms=1)), 1)
    monkeypatch.setenv("AIIC_LOOKUP_KEY", "key")
    for size in (1, 3, 21, 500):
        monkeypatch.setattr(lookup_pages, "PAGE_ITEMS", size)
        over_http = open_store_rows(url_of(client))
        assert by_key(list(over_http.rows())) == settle(GIVEN)
        assert sorted(over_http.marks()) == sorted(map(mark_of, settle(GIVEN).values()))


def test_an_embedded_store_is_read_directly_where_its_service_is_down(tmp_path: Path) -> None:
    store = KnowledgeStore(open_kv(str(tmp_path)))
    store.apply([ItemRows(one.item_id, (one,), 1) for one in GIVEN], store.begin_term())
    store.kv.close()
    direct = open_store_rows(str(tmp_path))
    assert by_key(list(direct.rows())) == settle(GIVEN)
    assert sorted(direct.marks()) == sorted(map(mark_of, settle(GIVEN).values()))


def test_a_page_is_as_openapi_says_and_wrong_requests_are_refused(
    service: tuple[Client, KnowledgeStore],
) -> None:
    client, _ = service
    for words in ("limit=4", "limit=4&marks=true"):
        page = client.get(f"/v1/rows?{words}").json
        jsonschema.validate(page, schema.ROWS)
        assert page["cursor"] is not None
    assert client.get("/v1/rows?cursor=%21").status == 400
    assert client.get("/v1/rows?limit=0").status == 422
    assert Client(client.port, "guess").get("/v1/rows").status == 401
    with pytest.raises(LookupUnavailable, match=r"refuses .* 401"):
        list(pages(url_of(client), "guess", marks=True))


def test_a_slow_key_waits_its_turn(
    service: tuple[Client, KnowledgeStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = service
    monkeypatch.setattr(lookup_pages, "PAGE_ITEMS", 8)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        time.sleep(0.3)

    found = [tuple(mark) for page in pages(url_of(client), "slow", True, sleep) for mark in page]
    assert len(found) == len(settle(GIVEN))
    assert waited and min(waited) >= 1


def test_what_cannot_be_read_says_what_to_do(
    service: tuple[Client, KnowledgeStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, store = service
    with pytest.raises(LookupUnavailable, match="no sign of life"):
        require_ready(url_of(client))
    store.note(STATUS, status_bytes(FollowStatus(1, beat_ms=now_ms(), problem="positions lost")), 1)
    with pytest.raises(LookupUnavailable, match=r"not ready.*positions lost"):
        open_store_rows(url_of(client), {"AIIC_LOOKUP_KEY": "key"})
    with pytest.raises(LookupUnavailable, match="set AIIC_LOOKUP_KEY"):
        open_store_rows(url_of(client), {})
    with pytest.raises(LookupUnavailable, match=r"local\.key cannot be read"):
        open_store_rows("local", {"AIIC_STACK_STATE_DIR": str(tmp_path)})
    with pytest.raises(LookupUnavailable, match="aiic up --only lookup"):
        open_store_rows("http://127.0.0.1:9", {"AIIC_LOOKUP_KEY": "key"})
    with pytest.raises(LookupUnavailable, match="is no store"):
        open_store_rows(str(tmp_path / "typo"))
    with pytest.raises(LookupUnavailable, match="cannot be read"):
        list(open_store_rows(f"unix://{tmp_path}/absent").marks())
    assert not (tmp_path / "typo").exists()


def test_a_server_s_store_is_read_directly() -> None:
    with valkey_server() as address:
        kv = open_kv(address)
        store = KnowledgeStore(kv)
        store.apply([ItemRows(one.item_id, (one,), 1) for one in GIVEN], store.begin_term())
        kv.close()
        assert by_key(list(open_store_rows(address).rows())) == settle(GIVEN)
