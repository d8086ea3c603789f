"""What the merge knows of its table, on the writer's disk (LMDB): every item's rows as of one commit, the changes that
are not published yet, and the files that wait for their turn.

A commit's rows, its instant, and its changes enter in one transaction: the state always is the state of one commit,
whichever, and a kill at any moment leaves the one before or the one after. It is a copy: the table can rebuild it.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import lmdb

MAP_BYTES = 1 << 40
"""Address space, not disk: the file grows with what is in it."""
MAX_KEY_BYTES = 480
_SEQUENCE_BYTES = 8
_COMMIT, _SEQUENCE, _TABLE, _LAST_FILE = b"commit", b"sequence", b"table", b"last_file"


class StateLocked(RuntimeError):
    """The state cannot be opened. The message says what to do."""


@dataclass(frozen=True, slots=True)
class StateHead:
    """Where the state is: the table it belongs to, the commit it reflects, and the next change's number.

    `commit`: "" as of before the first commit; None where the state is not whole and must be rebuilt.
    """

    table_id: str | None
    commit: str | None
    sequence: int


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A change on its way: key of its message, and its JSON object, still without `sequence`."""

    item_id: str
    json: bytes


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A change that is to be published: its number, key and message."""

    sequence: int
    item_id: str
    message: bytes


class MergeState:
    """The state, open. Anybody may read it and `ask_again`; writing else is for whoever holds the table's lock."""

    def __init__(self, env: Any, head: Any, items: Any, outbox: Any, files: Any, asked: Any) -> None:
        self._env, self._head, self._items = env, head, items
        self._outbox, self._files, self._asked = outbox, files, asked

    @classmethod
    def open(cls, folder: Path) -> MergeState:
        """Open the state in a folder; a new one is empty. Errors: StateLocked."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            env = lmdb.open(str(folder), map_size=MAP_BYTES, max_dbs=5, readahead=False)
            names = (b"head", b"items", b"outbox", b"files", b"asked")
            return cls(env, *(env.open_db(name) for name in names))
        except lmdb.Error as error:
            raise StateLocked(
                f"{folder}: cannot be opened ({error}): delete the folder, it is rebuilt from the table"
            ) from error

    def __enter__(self) -> MergeState:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._env.close()

    def head(self) -> StateHead:
        """Where the state is."""
        with self._env.begin(db=self._head) as read:
            table, commit, sequence = (read.get(name) for name in (_TABLE, _COMMIT, _SEQUENCE))
        return StateHead(
            None if table is None else table.decode(),
            None if commit is None else commit.decode(),
            int(sequence or 0),
        )

    def rows(self, item_ids: Iterable[str]) -> dict[str, list[bytes]]:
        """The rows of some items as JSON objects; items without rows are left out."""
        found = {}
        with self._env.begin(db=self._items) as read:
            for item_id in item_ids:
                packed = read.get(_key(item_id))
                if packed is not None:
                    found[item_id] = _unpack(packed)
        return found

    def all_rows(self) -> Iterator[bytes]:
        """All rows, item by item, as they were when the iteration began."""
        with self._env.begin(db=self._items) as read:
            for _, packed in read.cursor():
                yield from _unpack(packed)

    def apply(
        self,
        commit: str,
        items: Mapping[str, Sequence[bytes]],
        changes: Sequence[StoredChange],
        first_sequence: int | None = None,
    ) -> int:
        """Take over one commit: all rows of the items that it touched, and its changes in order.

        Returns the number of the first change. `first_sequence` starts the numbering anew.
        """
        with self._env.begin(write=True) as write:
            for item_id, rows in items.items():
                write.put(_key(item_id), _pack(rows), db=self._items)
            first = self._append(write, changes, first_sequence)
            write.put(_COMMIT, commit.encode(), db=self._head)
        return first

    def begin_rebuild(self, table_id: str) -> None:
        """Forget everything but what still is to be published; until `end_rebuild` the state is not whole."""
        with self._env.begin(write=True) as write:
            write.delete(_COMMIT, db=self._head)
            write.put(_TABLE, table_id.encode(), db=self._head)
            write.drop(self._items, delete=False)

    def fill(self, items: Mapping[str, Sequence[bytes]]) -> None:
        """Take over whole items during a rebuild."""
        with self._env.begin(write=True, db=self._items) as write:
            for key, rows in sorted((_key(item_id), rows) for item_id, rows in items.items()):
                write.put(key, _pack(rows))

    def end_rebuild(self, commit: str, sequence: int | None = None) -> None:
        """The items are all rows as of a commit; `sequence` is the next change's number, unless it stays."""
        with self._env.begin(write=True, db=self._head) as write:
            if sequence is not None:
                write.put(_SEQUENCE, str(sequence).encode())
            write.put(_COMMIT, commit.encode())

    def pending(self, limit: int) -> list[PendingChange]:
        """The oldest changes that are not published, in order."""
        found: list[PendingChange] = []
        with self._env.begin(db=self._outbox) as read:
            for key, value in read.cursor():
                if len(found) == limit:
                    break
                sequence = int.from_bytes(key, "big")
                item_id, _, rest = zlib.decompress(value).partition(b"\n")
                # The number was not known when the change was written down.
                message = b'{"sequence":%d,%b' % (sequence, rest.removeprefix(b"{"))
                found.append(PendingChange(sequence, json.loads(item_id), message))
        return found

    def published(self, sequence: int) -> None:
        """Forget the changes up to a number: they are in the topic."""
        with self._env.begin(write=True, db=self._outbox) as write:
            cursor = write.cursor()
            while cursor.first() and int.from_bytes(cursor.key(), "big") <= sequence:
                cursor.delete()

    def unpublished(self) -> int:
        """How many changes are not published yet."""
        with self._env.begin() as read:
            return int(read.stat(self._outbox)["entries"])

    def ask_again(self, item_ids: Iterable[str]) -> None:
        """Ask the merge to publish the rows of items once more. Any process may."""
        with self._env.begin(write=True, db=self._asked) as write:
            for item_id in item_ids:
                write.put(_key(item_id), json.dumps(item_id).encode())

    def asked_again(self, limit: int) -> list[str]:
        """Items whose rows are to be published once more."""
        with self._env.begin(db=self._asked) as read:
            found = zip(read.cursor().iternext(keys=False), range(limit), strict=False)
            return [json.loads(value) for value, _ in found]

    def tell_again(self, item_ids: Sequence[str], changes: Sequence[StoredChange]) -> None:
        """Answer `ask_again`: the changes go to the outbox, the items off the list."""
        with self._env.begin(write=True) as write:
            self._append(write, changes, None)
            for item_id in item_ids:
                write.delete(_key(item_id), db=self._asked)

    def add_files(self, files: Sequence[str]) -> None:
        """Queue files behind those that wait; what a text says of its file is the caller's."""
        with self._env.begin(write=True, db=self._files) as write:
            cursor = write.cursor()
            # Numbers are never given twice: a reader of the queue may be past the last one.
            last = max(
                int.from_bytes(cursor.key(), "big") if cursor.last() else 0,
                int(write.get(_LAST_FILE, db=self._head) or 0),
            )
            for number, text in enumerate(files, last + 1):
                write.put(number.to_bytes(_SEQUENCE_BYTES, "big"), text.encode("utf-8", "surrogateescape"))
            write.put(_LAST_FILE, str(last + len(files)).encode(), db=self._head)

    def next_file(self, after: int = 0) -> tuple[int, str] | None:
        """The file whose turn it is after the one of a number, with its own number in the queue."""
        with self._env.begin(db=self._files) as read:
            cursor = read.cursor()
            if not cursor.set_range((after + 1).to_bytes(_SEQUENCE_BYTES, "big")):
                return None
            return int.from_bytes(cursor.key(), "big"), cursor.value().decode("utf-8", "surrogateescape")

    def file_done(self, number: int) -> None:
        """Take a file off the queue."""
        with self._env.begin(write=True, db=self._files) as write:
            write.delete(number.to_bytes(_SEQUENCE_BYTES, "big"))

    def waiting_files(self) -> int:
        """How many files wait."""
        with self._env.begin() as read:
            return int(read.stat(self._files)["entries"])

    def _append(self, write: Any, changes: Sequence[StoredChange], first: int | None) -> int:
        if first is None:
            first = int(write.get(_SEQUENCE, db=self._head) or 0)
        for number, change in enumerate(changes, first):
            value = zlib.compress(json.dumps(change.item_id).encode() + b"\n" + change.json, 1)
            write.put(number.to_bytes(_SEQUENCE_BYTES, "big"), value, db=self._outbox, append=False)
        write.put(_SEQUENCE, str(first + len(changes)).encode(), db=self._head)
        return first


def _key(item_id: str) -> bytes:
    """An item's key; LMDB takes at most 511 bytes, and an id of 200 characters can have 800."""
    text = item_id.encode("utf-8", "surrogatepass")
    if len(text) <= MAX_KEY_BYTES:
        return text
    # A short id cannot look like this: NUL is no character of an id.
    return text[:64] + b"\0" + hashlib.blake2b(text, digest_size=32).digest()


def _pack(rows: Sequence[bytes]) -> bytes:
    return zlib.compress(b"\n".join(rows), 1)


def _unpack(packed: bytes) -> list[bytes]:
    return zlib.decompress(packed).split(b"\n")
