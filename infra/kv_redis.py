"""A Redis-compatible server (Redis, Valkey, ...) as the key-value store: for several services that share one store.

Values are strings; one sorted set a table, all scores equal, keeps the keys in order. A write is collected and sent as
one MULTI/EXEC. Reads within it are watched by a counter that every write raises: of two writers at once one fails whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis

DEFAULT_PREFIX = "aiic:"
WIPE_STEP = 5_000
TIMEOUT_S = 10.0


class StoreConflict(RuntimeError):
    """Another writer was faster; nothing was written. Read again and repeat."""


class RedisReader:
    """A look at the server. Each call is consistent in itself."""

    def __init__(self, client: Any, prefix: bytes) -> None:
        self._client = client
        self._prefix = prefix

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        found: bytes | None = self._client.get(self._prefix + key)
        return found

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of keys, same order."""
        found: list[bytes | None] = self._client.mget([self._prefix + key for key in keys]) if keys else []
        return found

    def scan(self, start: bytes, stop: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` entries with start <= key < stop, in the order of their keys.

        Keys that were removed while it looked are left out.
        """
        order = _order_key(self._prefix, start)
        names = self._client.zrange(order, b"[" + start, b"(" + stop, bylex=True, offset=0, num=limit)
        found = zip(names, self.get_many(names), strict=True)
        return [(name, value) for name, value in found if value is not None]


class RedisWriter(RedisReader):
    """One write: kept here until its end."""

    def __init__(self, client: Any, prefix: bytes) -> None:
        super().__init__(client, prefix)
        self.changes: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, this write's own changes included."""
        return self.changes[key] if key in self.changes else super().get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of keys, same order, this write's own changes included."""
        stored = super().get_many(keys)
        return [self.changes.get(key, value) for key, value in zip(keys, stored, strict=True)]

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key."""
        self.changes[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a key, where it is."""
        self.changes[key] = None


class RedisStore:
    """A store on a server, under a prefix of its own. Give the server `appendonly yes`, else a restart empties it."""

    is_local = False

    def __init__(self, url: str, prefix: str = DEFAULT_PREFIX) -> None:
        self._prefix = prefix.encode("utf-8")
        self._client: Any = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, health_check_interval=30
        )

    @contextmanager
    def reading(self) -> Iterator[RedisReader]:
        """Look at the store."""
        yield RedisReader(self._client, self._prefix)

    @contextmanager
    def writing(self) -> Iterator[RedisWriter]:
        """Change the store; an error in the block undoes all of it. Errors: StoreConflict."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.watch(self._prefix + b"writes")
            writer = RedisWriter(self._client, self._prefix)
            yield writer
            pipe.multi()
            pipe.incr(self._prefix + b"writes")
            for key, value in writer.changes.items():
                self._queue(pipe, key, value)
            try:
                pipe.execute()
            except redis.WatchError as error:
                raise StoreConflict(
                    "another consumer wrote at the same time; nothing of this write was kept"
                ) from error

    def wipe(self) -> None:
        """Remove everything below the prefix."""
        names: list[bytes] = []
        for name in self._client.scan_iter(match=_literal(self._prefix) + b"*", count=WIPE_STEP):
            names.append(name)
            if len(names) >= WIPE_STEP:
                self._client.unlink(*names)
                names.clear()
        if names:
            self._client.unlink(*names)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _queue(self, pipe: Any, key: bytes, value: bytes | None) -> None:
        order = _order_key(self._prefix, key)
        if value is None:
            pipe.delete(self._prefix + key)
            pipe.zrem(order, key)
        else:
            pipe.set(self._prefix + key, value)
            pipe.zadd(order, {key: 0})


def _order_key(prefix: bytes, key: bytes) -> bytes:
    """The sorted set that keeps the keys of a key's table (its first letter) in order."""
    return prefix + b"order:" + key[:1]


def _literal(prefix: bytes) -> bytes:
    """A prefix for a pattern, its special characters taken literally."""
    return b"".join(b"\\" + bytes([one]) if bytes([one]) in b"*?[]^\\" else bytes([one]) for one in prefix)
