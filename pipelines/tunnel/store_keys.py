"""Keys of the item store: one letter for the table, then its parts.

Ids are at most 200 characters, but those may be 800 bytes: long ones are named by their digest. No id holds a NUL
(contracts refuse it), and a digest's mark is no UTF-8, so that parts cannot run into each other.
"""

from __future__ import annotations

import hashlib
import struct

STATE, VIEW, HISTORY, CATEGORY, POSITION, META = (b"s", b"v", b"h", b"c", b"p", b"m")
LONGEST = 180
_DIGESTED = b"\xff"
_END = b"\x00"
_AFTER = b"\x01"


def short(text: str) -> bytes:
    """An id as a part of a key.

    >>> short("sku-1"), len(short("红" * 200))
    (b'sku-1', 65)
    """
    raw = text.encode("utf-8")
    if len(raw) <= LONGEST:
        return raw
    return _DIGESTED + hashlib.blake2b(raw, digest_size=32).hexdigest().encode("ascii")


def state_key(item_id: str) -> bytes:
    """Where an item's whole state is."""
    return STATE + short(item_id)


def view_key(item_id: str) -> bytes:
    """Where an item is as readers get it."""
    return VIEW + short(item_id)


def history_key(item_id: str, attr_id: str, known_ms: int) -> bytes:
    """Where an earlier row of an item's attribute is."""
    return HISTORY + short(item_id) + _END + short(attr_id) + _END + struct.pack(">Q", known_ms)


def history_range(item_id: str) -> tuple[bytes, bytes]:
    """The keys of all of an item's history: from, up to."""
    start = HISTORY + short(item_id)
    return start + _END, start + _AFTER


def history_known_ms(key: bytes) -> int:
    """When the row at a history key became known."""
    return int(struct.unpack(">Q", key[-8:])[0])


def category_key(category_id: str, item_id: str) -> bytes:
    """Where it says that an item is in a category; the value is the item's id."""
    return CATEGORY + short(category_id) + _END + short(item_id)


def category_range(category_id: str) -> tuple[bytes, bytes]:
    """The keys of all items of a category: from, up to."""
    start = CATEGORY + short(category_id)
    return start + _END, start + _AFTER


def position_key(topic: str, partition: int) -> bytes:
    """Where it says how far a partition was read."""
    return POSITION + topic.encode("utf-8") + _END + struct.pack(">I", partition)


def position_of(key: bytes) -> tuple[str, int]:
    """Topic and partition of a position's key."""
    return key[1:-5].decode("utf-8"), int(struct.unpack(">I", key[-4:])[0])


def meta_key(name: str) -> bytes:
    """Where a fact about the store itself is."""
    return META + name.encode("utf-8")


def table_range(table: bytes) -> tuple[bytes, bytes]:
    """All keys of a table: from, up to."""
    return table, bytes([table[0] + 1])


def just_after(key: bytes) -> bytes:
    """The smallest key greater than this one."""
    return key + b"\x00"
