"""The embedded key-value store: LMDB, one file, one writer and any number of reading processes of one machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb

MAX_READERS = 128
DEFAULT_MAP_GIB = 64


class StoreFull(RuntimeError):
    """The store's file has reached its greatest size. The message says what to do."""


class EmbeddedReader:
    """One snapshot of the store."""

    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        found: bytes | None = self._transaction.get(key)
        return found

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of keys, same order."""
        return list(map(self._transaction.get, keys))

    def scan(self, start: bytes, stop: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most `limit` entries with start <= key < stop, in the order of their keys."""
        found: list[tuple[bytes, bytes]] = []
        with self._transaction.cursor() as cursor:
            if cursor.set_range(start):
                for key, value in cursor:
                    if key >= stop or len(found) >= limit:
                        break
                    found.append((key, value))
        return found


class EmbeddedWriter(EmbeddedReader):
    """One write."""

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key."""
        self._transaction.put(key, value)

    def delete(self, key: bytes) -> None:
        """Remove a key, where it is."""
        self._transaction.delete(key)


class EmbeddedStore:
    """An LMDB environment; open it once a process, and only after a fork.

    A write that was not flushed when the machine loses power is undone whole: its messages are read again.
    """

    is_local = True

    def __init__(self, folder: Path, map_gib: int = DEFAULT_MAP_GIB) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        # The file is sparse: it takes the disk that it holds data for, not the map's size.
        self._env = lmdb.open(
            str(folder), map_size=map_gib << 30, max_readers=MAX_READERS, metasync=False, readahead=False
        )
        # A reader that was killed would keep old pages alive.
        self._env.reader_check()

    @contextmanager
    def reading(self) -> Iterator[EmbeddedReader]:
        """Look at one snapshot."""
        with self._env.begin() as transaction:
            yield EmbeddedReader(transaction)

    @contextmanager
    def writing(self) -> Iterator[EmbeddedWriter]:
        """Change the store; an error in the block undoes all of it. Errors: StoreFull."""
        try:
            with self._env.begin(write=True) as transaction:
                yield EmbeddedWriter(transaction)
        except lmdb.MapFullError as error:
            raise StoreFull(
                f"{self._folder} is full: raise AIIC_LOOKUP_MAP_GIB, or free disk, and start again"
            ) from error

    def wipe(self) -> None:
        """Remove everything."""
        with self._env.begin(write=True) as transaction:
            transaction.drop(self._env.open_db(txn=transaction), delete=False)

    def close(self) -> None:
        """Let go of the file."""
        self._env.close()
