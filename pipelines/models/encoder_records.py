"""Records of the encoder's training data and what it holds out. Standard library only: two environments read them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from udfs.text import fold


@dataclass(frozen=True, slots=True)
class HoldOut:
    """What training must not see of an ontology, so that new entries can be measured: shares, drawn by name.

    A set of at least `least_categories` categories loses one of them. `dev` is the share of the training part's
    product families that is kept for watching the training.
    """

    values: float = 0.2
    keys: float = 0.1
    least_categories: int = 8
    dev: float = 0.05

    def value(self, key_name: str, text: str) -> bool:
        """Whether a value is held out, under this key's name in every category."""
        return _drawn(f"value/{fold(key_name)}/{fold(text)}", self.values)

    def key(self, key_name: str) -> bool:
        """Whether a key is held out, in every category."""
        return _drawn(f"key/{fold(key_name)}", self.keys)

    def category(self, category_ids: Sequence[str]) -> str | None:
        """The one category of a set that is held out; None where there are too few.

        >>> HoldOut(least_categories=3).category(["tea", "coffee"]) is None
        True
        """
        ordered = sorted(set(category_ids), key=lambda name: (zlib.crc32(f"category/{name}".encode()), name))
        return ordered[0] if len(ordered) >= self.least_categories else None

    def family(self, group: str) -> bool:
        """Whether a product family of the training part is kept for watching the training."""
        return _drawn(f"dev/{group}", self.dev)


def _drawn(name: str, share: float) -> bool:
    return zlib.crc32(name.encode()) % 10_000 < share * 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """The values of one group that are true of a text; `stated`: the text names the value, else it is implied."""

    group: int
    true: tuple[int, ...]
    stated: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A text to encode and what is true of it. `mentioned`: entries that it names; they are no sure negatives.

    Anchors of one `batch` name stand in the same batches: their values are each other's negatives.
    """

    text: str
    batch: str
    asked: tuple[Asked, ...]
    mentioned: tuple[str, ...] = ()


@dataclass(slots=True)
class EncoderData:
    """Groups of entries that compete in one search, the anchors that ask them, and those kept for watching."""

    groups: list[tuple[str, ...]] = field(default_factory=list)
    anchors: list[Anchor] = field(default_factory=list)
    dev: list[Anchor] = field(default_factory=list)

    def entries(self) -> list[str]:
        """All texts of all groups, each once."""
        return list(dict.fromkeys(text for group in self.groups for text in group))

    def add(self, other: EncoderData) -> None:
        """Take another set's data in."""
        offset = len(self.groups)
        self.groups += other.groups
        self.anchors += [_shifted(anchor, offset) for anchor in other.anchors]
        self.dev += [_shifted(anchor, offset) for anchor in other.dev]


def _shifted(anchor: Anchor, offset: int) -> Anchor:
    asked = tuple(Asked(one.group + offset, one.true, one.stated) for one in anchor.asked)
    return Anchor(anchor.text, anchor.batch, asked, anchor.mentioned)


def as_json(data: EncoderData) -> dict[str, Any]:
    """The data as plain lists."""

    def plain(anchor: Anchor) -> list[Any]:
        asked = [[one.group, list(one.true), list(one.stated)] for one in anchor.asked]
        return [anchor.text, anchor.batch, asked, list(anchor.mentioned)]

    return {
        "groups": [list(group) for group in data.groups],
        "anchors": [plain(anchor) for anchor in data.anchors],
        "dev": [plain(anchor) for anchor in data.dev],
    }


def from_json(found: Mapping[str, Any]) -> EncoderData:
    """The inverse of `as_json`. Errors: KeyError, TypeError, ValueError for anything else."""

    def anchor(row: Sequence[Any]) -> Anchor:
        text, batch, asked, mentioned = row
        return Anchor(text, batch, tuple(Asked(g, tuple(t), tuple(s)) for g, t, s in asked), tuple(mentioned))

    return EncoderData(
        [tuple(group) for group in found["groups"]],
        [anchor(row) for row in found["anchors"]],
        [anchor(row) for row in found["dev"]],
    )
