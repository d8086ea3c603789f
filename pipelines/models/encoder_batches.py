"""Batches of contrastive training: who stands together, which wrong entries are mined for it, and which are no sure negatives.

Negatives are mined with the vectors of the present encoder: the entries nearest to an anchor in the very group that
recognition would search. Left out as doubtful: entries that the text names, and near twins of the true one.
Source: paper section 3.2.2 (hard negatives); filtering as in sentence-transformers' `mine_hard_negatives`.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipelines.models.encoder_records import Anchor, Asked, EncoderData

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BatchConfig:
    """How batches are drawn. Mined negatives are drawn from the `pool` nearest; `twin` is a cosine of two entries."""

    seed: int = 0
    anchors: int = 16
    asked: int = 5
    negatives: int = 3
    pool: int = 10
    twin: float = 0.92
    implied_weight: float = 3.0


@dataclass(slots=True)
class Vectors:
    """Unit vectors by text; a later one takes the place of an earlier one."""

    of: dict[str, Floats] = field(default_factory=dict)

    def put(self, texts: Sequence[str], rows: Floats) -> None:
        """Keep a row for each text."""
        self.of.update(zip(texts, np.asarray(rows, np.float32), strict=True))

    def rows(self, texts: Sequence[str]) -> Floats:
        """The rows of some texts. Shapes: (N, d). Errors: KeyError for a text that has none."""
        return np.stack([self.of[text] for text in texts])


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts to encode, and the questions between them.

    Shapes: `anchors` and `positives` (Q) index `texts`; `columns` (C) are the texts that are entries; `allowed` (Q, C)
    tells which columns a question is scored against, its positive always among them.
    """

    texts: tuple[str, ...]
    anchors: npt.NDArray[np.int64]
    positives: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    allowed: npt.NDArray[np.bool_]


class Batches:
    """The n-th batch, which follows from the data, the seed, n, and the vectors of now."""

    def __init__(self, data: EncoderData, vectors: Vectors, first: Vectors, cfg: BatchConfig) -> None:
        """`vectors` are those of the present encoder, of all entries and anchors; `first` the entries' before training."""
        self.data, self.vectors, self.first, self.cfg = data, vectors, first, cfg
        self._epoch: tuple[int, list[list[int]]] = (-1, [])
        self.an_epoch = len(self._order(0))

    def batch(self, number: int) -> Batch:
        """One batch. Errors: KeyError when an entry or anchor has no vector."""
        epoch, at = divmod(number, self.an_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._order(epoch))
        rnd = random.Random(f"{self.cfg.seed}/batch/{number}")
        chosen = [self.data.anchors[place] for place in self._epoch[1][at]]
        questions = [
            (anchor, asked, self._positive(asked, rnd))
            for anchor in chosen
            for asked in _weighted(anchor.asked, self._weight, self.cfg.asked, rnd)
        ]
        entries: dict[str, None] = {}
        for anchor, asked, positive in questions:
            entries[self.data.groups[asked.group][positive]] = None
            entries.update(dict.fromkeys(self.mined(anchor, asked, positive, rnd)))
        return _batch(questions, self.data.groups, list(entries))

    def mined(self, anchor: Anchor, asked: Asked, positive: int, rnd: random.Random) -> list[str]:
        """Wrong entries for one question: drawn from those nearest to the anchor, without doubtful ones."""
        group = self.data.groups[asked.group]
        near = self.vectors.rows(group) @ self.vectors.of[anchor.text]
        doubtful = {*anchor.mentioned, *(group[place] for place in asked.true)}
        true = self.first.of[group[positive]]
        found: list[str] = []
        for place in np.argsort(-near, kind="stable"):
            entry = group[int(place)]
            if entry not in doubtful and float(self.first.of[entry] @ true) < self.cfg.twin:
                found.append(entry)
            if len(found) == self.cfg.pool:
                break
        return rnd.sample(found, min(self.cfg.negatives, len(found)))

    def _order(self, epoch: int) -> list[list[int]]:
        """Anchors of an epoch in batches: each of one batch name, names and anchors shuffled."""
        rnd = random.Random(f"{self.cfg.seed}/epoch/{epoch}")
        named: Mapping[str, list[int]] = defaultdict(list)
        for place, anchor in enumerate(self.data.anchors):
            named[anchor.batch].append(place)
        batches = []
        for places in named.values():
            rnd.shuffle(places)
            count = max(1, round(len(places) / self.cfg.anchors))
            batches += [places[part::count] for part in range(count)]
        rnd.shuffle(batches)
        return batches

    def _positive(self, asked: Asked, rnd: random.Random) -> int:
        weights = [1.0 if stated else self.cfg.implied_weight for stated in asked.stated]
        return rnd.choices(asked.true, weights)[0]

    def _weight(self, asked: Asked) -> float:
        """What the text does not name only the encoder can find: it is asked more often. One entry cannot be wrong."""
        if len(self.data.groups[asked.group]) < 2:
            return 0.0
        return 1.0 if all(asked.stated) else self.cfg.implied_weight


def _weighted(
    asked: Sequence[Asked], weight: Callable[[Asked], float], most: int, rnd: random.Random
) -> list[Asked]:
    """At most so many, drawn without replacement by weight; none of weight 0."""
    weighed = [(one, weight(one)) for one in asked]
    drawn = [(rnd.random() ** (1 / w), place, one) for place, (one, w) in enumerate(weighed) if w > 0]
    return [one for _, _, one in sorted(drawn, key=lambda found: (-found[0], found[1]))[:most]]


def _batch(
    questions: Sequence[tuple[Anchor, Asked, int]], groups: Sequence[Sequence[str]], entries: list[str]
) -> Batch:
    texts = list(dict.fromkeys([*(anchor.text for anchor, _, _ in questions), *entries]))
    place = {text: number for number, text in enumerate(texts)}
    allowed = np.ones((len(questions), len(entries)), np.bool_)
    column = {text: number for number, text in enumerate(entries)}
    for row, (anchor, asked, positive) in enumerate(questions):
        doubtful = {*anchor.mentioned, *(groups[asked.group][true] for true in asked.true), anchor.text}
        allowed[row, [column[text] for text in doubtful if text in column]] = False
        allowed[row, column[groups[asked.group][positive]]] = True
    return Batch(
        tuple(texts),
        np.array([place[anchor.text] for anchor, _, _ in questions], np.int64),
        np.array([place[groups[asked.group][positive]] for _, asked, positive in questions], np.int64),
        np.array([place[text] for text in entries], np.int64),
        allowed,
    )
