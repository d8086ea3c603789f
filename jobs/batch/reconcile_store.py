"""The lookup store's rows, for reconciliation: over the lookup service's HTTP, or from the store itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import lmdb
from redis import RedisError

from infra.kv import SERVER_SCHEMES, open_kv
from infra.lookup_pages import LookupUnavailable, pages, require_ready
from jobs.services.lookup_settings import read_settings
from pipelines.tunnel.reconcile import Mark, mark_of
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.knowledge import KnowledgeRow
from schemas.parse import parse_record

LOCAL = "local"
"""The lookup service of the local stack, wherever its settings say that it is."""
KEY_VARIABLE = "AIIC_LOOKUP_KEY"
_OVER_HTTP = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class StoreRows:
    """Ways to read all rows of the store, as often as is wanted: only what tells them apart, or whole."""

    marks: Callable[[], Iterator[Mark]]
    rows: Callable[[], Iterator[KnowledgeRow]]


def open_store_rows(address: str, env: Mapping[str, str] = os.environ) -> StoreRows:
    """The rows of the store at an address: `local`; the http(s):// of a lookup service, whose key is in AIIC_LOOKUP_KEY;
    a folder of an embedded store on this machine; or the address of a Redis-compatible server.

    Errors: LookupUnavailable where it does not answer, is not ready, its key is absent, or there is no such store.
    """
    if address == LOCAL:
        settings = read_settings(env)
        return _over_http(f"http://{settings.host}:{settings.port}", _key(env, settings.secret_file))
    if address.startswith(_OVER_HTTP):
        return _over_http(address.rstrip("/"), _key(env, None))
    return _direct(address)


def _over_http(url: str, key: str) -> StoreRows:
    def marks() -> Iterator[Mark]:
        return (Mark(*found) for page in pages(url, key, marks=True) for found in page)

    def rows() -> Iterator[KnowledgeRow]:
        return (parse_record(KnowledgeRow, found) for page in pages(url, key, marks=False) for found in page)

    require_ready(url)
    return StoreRows(marks, rows)


def _direct(address: str) -> StoreRows:
    if not address.startswith(SERVER_SCHEMES) and not Path(address, "data.mdb").exists():
        raise LookupUnavailable(f"{address} is no store: name its folder, `local`, or a server's address")

    def rows() -> Iterator[KnowledgeRow]:
        kv = open_kv(address)
        try:
            for state in KnowledgeStore(kv).states():
                yield from state.rows.values()
        except (RedisError, lmdb.Error) as error:
            raise LookupUnavailable(f"the store cannot be read: {error}") from error
        finally:
            kv.close()

    return StoreRows(lambda: map(mark_of, rows()), rows)


def _key(env: Mapping[str, str], secret_file: Path | None) -> str:
    if env.get(KEY_VARIABLE):
        return env[KEY_VARIABLE]
    if secret_file is None:
        raise LookupUnavailable(
            f"a key of the lookup service is needed: set {KEY_VARIABLE} (`./aiic serve --new-key NAME`)"
        )
    try:
        return secret_file.read_text("utf-8").strip()
    except OSError as error:
        raise LookupUnavailable(
            f"{secret_file} cannot be read: run `./aiic up --only lookup` once, or set {KEY_VARIABLE}: {error}"
        ) from error
