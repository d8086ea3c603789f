"""What the scorer sees of one item: its tokens, its keys as encoded text, and per candidate its places, value and numbers.

Keys and values enter as vectors of their ontology text, never by number, so a new entry is scored as any other (O8).
Source: ours (design.md: the label-conditioned scorer).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipelines.library.features import DENSE_NAMES
from pipelines.library.keys import CategoryView, KeyView
from pipelines.library.pairs import Floats, ItemPairs
from udfs.text import fold

Ints = npt.NDArray[np.int64]
Names = npt.NDArray[np.uint64]
KINDS = ("enumerated", "identifier", "measure", "free")
MAX_SPANS = 6
MAX_TOKENS = 256
MAX_KEYS = 24
MAX_NAME_TOKENS = 10
MAX_KEY_CHARS = 240
NUMBERS = len(DENSE_NAMES)


class Tokenizer(Protocol):
    """Splits a text as the scorer's encoder reads it: a first token, the text's, an end token."""

    def __call__(self, text: str, max_tokens: int) -> tuple[list[int], list[tuple[int, int]]]:
        """Token ids, and each token's characters in the text; (0, 0) for tokens that stand for no text."""


@dataclass(frozen=True, slots=True)
class ScorerInput:
    """One item's input. Shapes: T tokens, K keys, C candidates of all keys in order.

    `key_names` (K), `value_names` (C): `name_of` the texts, by which the scorer remembers what it was trained on; 0 for none, and for a value
    of which there is nothing to remember (`KeyView.is_common`).
    `ids` (T): the item's text, then the names of the keys, so that each is read in the light of the other; `key_at` (K, 2)
    first and end token of a key's name; `keys` (K, d + kinds); `owner` (C) the key of a candidate; `spans` (C, MAX_SPANS, 2) first and last token,
    -1 where there is none; `values` (C, d) the vector of the value's ontology text, 0 where it has none; `numbers` (C, n).
    """

    ids: Ints
    key_at: Ints
    keys: Floats
    owner: Ints
    spans: Ints
    values: Floats
    numbers: Floats
    key_names: Names
    value_names: Names


def key_text(category: CategoryView, view: KeyView) -> str:
    """A key as text: "Laptops | Weight: weight of the device without charger"."""
    description = f": {view.key.description}" if view.key.description else ""
    return f"{category.name} | {view.key.name}{description}"[:MAX_KEY_CHARS]


def name_of(text: str) -> int:
    """A text as a number that is never 0."""
    return (
        int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big") or 1
    )


def value_name(view: KeyView, position: int) -> int:
    """The name of a key's value."""
    return name_of(f"{view.name}: {fold(view.values[position].text)}")


def key_rows(category: CategoryView, vectors: Floats) -> Floats:
    """Vectors of a category's key texts with the keys' kinds beside them. Shapes: (K, d) to (K, d + kinds)."""
    kinds = [[float(view.key.value_kind == kind) for kind in KINDS] for view in category.keys]
    computes = [[float(view.rule.computes)] for view in category.keys]
    return np.hstack([vectors, np.asarray(kinds, np.float32), np.asarray(computes, np.float32)]).astype(
        np.float32
    )


def scorer_inputs(
    item: ItemPairs, tokenizer: Tokenizer, keys: Floats, values: Sequence[Floats]
) -> list[ScorerInput]:
    """The inputs of one item: one for every `MAX_KEYS` keys, in order.

    `keys`: `key_rows` of its category. `values[k]`: vectors of the values of key k, in the order of its view.
    """
    text = item.text.document.text
    ids, offsets = tokenizer(text, MAX_TOKENS)
    places = _token_of(offsets, len(text))
    return [
        _group(
            item, range(start, min(start + MAX_KEYS, len(item.pairs))), ids, places, tokenizer, keys, values
        )
        for start in range(0, len(item.pairs), MAX_KEYS)
    ]


def _group(
    item: ItemPairs,
    group: range,
    ids: Sequence[int],
    places: tuple[list[int], list[int]],
    tokenizer: Tokenizer,
    keys: Floats,
    values: Sequence[Floats],
) -> ScorerInput:
    offered = [(k, candidate) for k in group for candidate in item.pairs[k].candidates]
    spans = np.full((len(offered), MAX_SPANS, 2), -1, np.int64)
    vectors = np.zeros((len(offered), keys.shape[1] - len(KINDS) - 1), np.float32)
    value_names = np.zeros(len(offered), np.uint64)
    for row, (k, candidate) in enumerate(offered):
        found = [(places[0][start], places[1][end - 1]) for start, end in candidate.spans]
        whole = [(first, last) for first, last in found if 0 <= first <= last][:MAX_SPANS]
        if whole:
            spans[row, : len(whole)] = whole
        if candidate.position >= 0 and len(values[k]):
            vectors[row] = values[k][candidate.position]
            if item.category.keys[k].is_common(candidate.position):
                value_names[row] = value_name(item.category.keys[k], candidate.position)
    numbers = [row for k in group for row in item.pairs[k].numbers]
    read, key_at = _with_names(ids, [item.category.keys[k].key.name for k in group], tokenizer)
    return ScorerInput(
        np.asarray(read, np.int64),
        np.asarray(key_at, np.int64),
        keys[group.start : group.stop],
        np.asarray([k - group.start for k, _ in offered], np.int64),
        spans,
        vectors,
        np.asarray(numbers, np.float32).reshape(len(offered), NUMBERS),
        np.asarray([name_of(key_text(item.category, item.category.keys[k])) for k in group], np.uint64),
        value_names,
    )


def _with_names(
    ids: Sequence[int], names: Sequence[str], tokenizer: Tokenizer
) -> tuple[list[int], list[tuple[int, int]]]:
    """The tokens of a text and of key names after it, and where each name begins and ends."""
    read, key_at = list(ids), []
    for name in names:
        tokens = tokenizer(name, MAX_NAME_TOKENS)[0][1:]
        key_at.append((len(read), len(read) + len(tokens) - 1))
        read += tokens
    return read, key_at


def _token_of(offsets: Sequence[tuple[int, int]], length: int) -> tuple[list[int], list[int]]:
    """Per character, the token that it is in, or else the next (first) and the one before (last); -1 beyond the tokens."""
    inside = [-1] * length
    for token, (start, end) in enumerate(offsets):
        for at in range(start, min(end, length)):
            inside[at] = token
    first, last = list(inside), list(inside)
    for at in range(length - 2, -1, -1):
        if first[at] < 0:
            first[at] = first[at + 1]
    for at in range(1, length):
        if last[at] < 0 and inside[at] < 0:
            last[at] = last[at - 1]
    reached = max((end for _, end in offsets), default=0)
    for at in range(reached, length):
        last[at] = -1
    return first, last
