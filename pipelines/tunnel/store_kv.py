"""What the item store asks of a key-value store: ordered keys of bytes, and whole writes or none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

MAX_KEY_BYTES = 511


class Reader(Protocol):
    """One consistent look at the store, where the adapter can give one."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of keys, same order."""

    def scan(self, start: bytes, stop: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` entries with start <= key < stop, in the order of their keys."""


class Writer(Protocol):
    """One write: nobody sees any of it before its end, and nobody ever sees a part of it."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, this write's own changes included."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of keys, same order, this write's own changes included."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key."""

    def delete(self, key: bytes) -> None:
        """Remove a key, where it is."""


class KeyValue(Protocol):
    """A key-value store; `infra.kv` opens one. Keys have at most `MAX_KEY_BYTES` bytes."""

    @property
    def is_local(self) -> bool:
        """Whether reading is a matter of microseconds, so that an event loop may do it itself."""

    def reading(self) -> AbstractContextManager[Reader]:
        """Look at the store."""

    def writing(self) -> AbstractContextManager[Writer]:
        """Change the store; an error in the block undoes all of it."""

    def wipe(self) -> None:
        """Remove everything."""

    def close(self) -> None:
        """Let go of files and connections."""
