"""The label-conditioned scorer at work: logits for the candidates of an item's keys, on CPU without torch."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipelines.library.keys import CategoryView
from pipelines.library.pairs import Floats, ItemPairs
from pipelines.library.scorer_form import ScorerMeta
from pipelines.library.scorer_input import ScorerInput, Tokenizer, key_rows, key_text, scorer_inputs
from pipelines.library.scorer_memory import Names, ids_of
from pipelines.ontology.release import Release

MAX_CATEGORIES = 2_000
"""Categories whose key vectors are kept: some 25 KB each."""
INPUTS = ("ids", "key_at", "keys", "owner", "spans", "values", "numbers")
Memory = tuple[Names, Names]
EMPTY = np.zeros((0, 0), np.float32)


class Network(Protocol):
    """Runs the scorer's network."""

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """Logits of the candidates."""


class Scorer:
    """Scores items of one release. `key_vectors` hold, per category, the vectors of its `key_text`s.

    Safe between threads.
    """

    def __init__(
        self, meta: ScorerMeta, network: Network, tokenizer: Tokenizer, memory: Memory, release: Release
    ) -> None:
        self.meta = meta
        self._network = network
        self._tokenizer = tokenizer
        self._known_keys, self._known_values = memory
        self._release = release
        self._values: dict[str, Floats] = {}
        self._lock = threading.Lock()

    def logits(self, item: ItemPairs, key_vectors: Floats) -> list[Floats]:
        """One number a candidate, an array a pair. Shapes: `key_vectors` (keys, d)."""
        values = [self._vectors(view.value_set_id) for view in item.category.keys]
        rows = key_rows(item.category, key_vectors)
        found = [self._group(made) for made in scorer_inputs(item, self._tokenizer, rows, values)]
        ends = np.cumsum([len(pair.candidates) for pair in item.pairs])
        return list(np.split(np.concatenate(found), ends[:-1])) if found else []

    def _group(self, made: ScorerInput) -> Floats:
        """Logits of one group of keys; nothing is asked where nothing is offered."""
        if not len(made.owner):
            return np.zeros(0, np.float32)
        given = {name: getattr(made, name) for name in INPUTS}
        given["key_ids"] = ids_of(made.key_names, self._known_keys)
        given["value_ids"] = ids_of(made.value_names, self._known_values)
        return self._network.run(given)

    def _vectors(self, value_set_id: str) -> Floats:
        """A value set's vectors, kept: a category's items come together."""
        with self._lock:
            if value_set_id not in self._values:
                self._values[value_set_id] = self._release.value_vectors(value_set_id)
            return self._values[value_set_id]


class KeyVectors:
    """Vectors of categories' key texts, encoded when first asked for. A release does not change, so they are kept."""

    def __init__(self, embed: Callable[[Sequence[str]], Awaitable[Floats]]) -> None:
        self._embed = embed
        self._kept: dict[str, Floats] = {}

    async def of(self, categories: Iterable[CategoryView]) -> dict[str, Floats]:
        """By category id, a row a key. Errors: InferenceError. Shapes: (keys, d)."""
        wanted = {category.category_id: category for category in categories}
        missing = [category for name, category in wanted.items() if name not in self._kept and category.keys]
        if missing:
            vectors = await self._embed(
                [key_text(category, view) for category in missing for view in category.keys]
            )
            ends = np.cumsum([len(category.keys) for category in missing])[:-1]
            made = {c.category_id: part for c, part in zip(missing, np.split(vectors, ends), strict=True)}
            if len(self._kept) + len(made) > MAX_CATEGORIES:
                self._kept.clear()
            self._kept |= made
            return {name: made.get(name, self._kept.get(name, EMPTY)) for name in wanted}
        return {name: self._kept.get(name, EMPTY) for name in wanted}
