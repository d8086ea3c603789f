"""What unit tests share: one real Redis-compatible server, and the item store over each kind of key-value store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.kv import open_kv
from pipelines.tunnel.store_knowledge import KnowledgeStore
from tests.valkey_server import valkey_server

KINDS = ("embedded", "server")


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The address of a real Valkey server on a socket file. All tests use it in turn: each begins by wiping it."""
    with valkey_server() as address:
        yield address


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path, valkey: str) -> Iterator[KnowledgeStore]:
    """An empty item store, over each kind."""
    kv = open_kv(str(tmp_path / "kv") if request.param == "embedded" else valkey)
    kv.wipe()
    yield KnowledgeStore(kv)
    kv.close()
