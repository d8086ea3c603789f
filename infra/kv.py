"""Opens the key-value store that an address names: a folder (LMDB, the default) or a Redis-compatible server."""

from __future__ import annotations

from pathlib import Path

from infra.kv_embedded import DEFAULT_MAP_GIB, EmbeddedStore
from infra.kv_redis import RedisStore

SERVER_SCHEMES = ("redis://", "rediss://", "valkey://", "valkeys://", "unix://")


def open_kv(address: str, map_gib: int = DEFAULT_MAP_GIB) -> EmbeddedStore | RedisStore:
    """Open a store. Secrets of a server belong into the address, which comes from the environment.

    Errors: redis.RedisError or lmdb.Error where it cannot be opened.
    """
    if address.startswith(SERVER_SCHEMES):
        return RedisStore(address.replace("valkey", "redis", 1) if address.startswith("valkey") else address)
    return EmbeddedStore(Path(address), map_gib)
