"""The ranker: from candidates to calibrated probabilities, without any model server.

A linear stage over hashed tokens learns words and contexts; a boosted stage over numbers, the linear stage's opinion and
the rivalry of candidates (within a pair, and for the same words between keys) gives the probability.
Source: ours (design.md, cascade).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.feature_extraction import FeatureHasher

from pipelines.library.candidates import Candidate

Floats = npt.NDArray[np.float32]
HASH_BITS = 20
FEATURE_VERSION = 3
META, LINEAR, BOOSTED = "ranker.json", "linear.npz", "boosted.txt"
RIVALRY_NAMES = ("linear", "rank", "behind_best", "ahead_of_next", "mass", "span_rival", "span_rivals")
OVERLAP_NAMES = ("longer_rival", "shorter_rival", "other_rival")
RIVALS = 12
NO_RIVAL = -12.0


class RankerDamaged(RuntimeError):
    """The ranker's folder is missing or not whole."""


@dataclass(frozen=True, slots=True)
class RankerMeta:
    """What a trained ranker says of itself. `threshold`: the least probability of a stated value.

    Pairs whose best candidate lies strictly between `open_low` and `open_high` go to the discriminator; its
    probability joins the ranker's by `logit = mix[0] + mix[1] * logit(ranker) + mix[2] * logit(discriminator)`.
    `scorer`: version of the scorer whose opinion it learned with, "" for none.
    """

    version: str
    feature_version: int
    threshold: float
    open_low: float
    open_high: float
    mix: tuple[float, float, float]
    discriminator: str
    trained_on: dict[str, int]
    scorer: str = ""


@dataclass(slots=True)
class PairInput:
    """One SKU x key pair to rank: its candidates, their tokens and numbers. `item` groups the pairs of one item.

    `scores`: what the label-conditioned scorer says of each candidate (logits); None where there is no scorer.
    """

    item: int
    candidates: Sequence[Candidate]
    tokens: Sequence[Sequence[str]]
    numbers: Sequence[Sequence[float]]
    scores: Floats | None = None


class Ranker:
    """Scores pairs. Read-only after loading, so one may be shared by threads."""

    def __init__(self, meta: RankerMeta, weights: Floats, bias: float, boosted: lightgbm.Booster) -> None:
        self.meta = meta
        self._weights = weights
        self._bias = bias
        self._boosted = boosted
        self._hasher = hasher()

    def probabilities(self, pairs: Sequence[PairInput]) -> list[Floats]:
        """Probability of each candidate of each pair, same order.

        Shapes: N pairs in, N arrays out, one number a candidate.
        """
        flat = [tokens for pair in pairs for tokens in pair.tokens]
        if not flat:
            return [np.zeros(0, np.float32) for _ in pairs]
        linear = np.asarray(self._hasher.transform(flat) @ self._weights).ravel() + self._bias
        rows = boosted_rows(pairs, linear)
        found = np.asarray(self._boosted.predict(rows, num_threads=1), np.float32)
        ends = np.cumsum([len(pair.candidates) for pair in pairs])[:-1]
        return list(np.split(found, ends))


def hasher() -> FeatureHasher:
    """What turns tokens into columns."""
    return FeatureHasher(1 << HASH_BITS, input_type="string", alternate_sign=False)


def dense_rows(pairs: Sequence[PairInput]) -> Floats:
    """All candidates' numbers under one another. Shapes: float32 (candidates, numbers)."""
    return np.asarray([row for pair in pairs for row in pair.numbers], np.float32)


def boosted_rows(pairs: Sequence[PairInput], linear: npt.NDArray[Any]) -> Floats:
    """What the boosted stage sees: numbers, and what the linear stage and the scorer say of a candidate and its rivals.

    Shapes: `linear` holds one logit a candidate; float32 (candidates, columns).
    """
    scored = [pair.scores for pair in pairs if pair.scores is not None]
    if len(scored) < len(pairs):
        return np.hstack([dense_rows(pairs), rivalry(pairs, linear)])
    said = np.concatenate(scored)
    return np.hstack([dense_rows(pairs), rivalry(pairs, linear), rivalry(pairs, said), overlaps(pairs, said)])


def rivalry(pairs: Sequence[PairInput], linear: npt.NDArray[Any]) -> Floats:
    """What the linear stage says of a candidate and of its rivals: in the pair, and of other keys on the same words.

    Shapes: `linear` holds one logit a candidate; float32 (candidates, len(RIVALRY_NAMES)).
    """
    out = np.zeros((len(linear), len(RIVALRY_NAMES)), np.float32)
    claims: dict[tuple[int, int, int], list[tuple[int, int]]] = defaultdict(list)
    start = 0
    for number, pair in enumerate(pairs):
        end = start + len(pair.candidates)
        if end > start:
            out[start:end, :5] = _within(linear[start:end])
        for row, candidate in enumerate(pair.candidates, start):
            for span in candidate.spans:
                claims[(pair.item, *span)].append((number, row))
        start = end
    out[:, 5] = -9.0
    sure = expit(linear).tolist()
    for rows in claims.values():
        for number, row in rows:
            others = [r for n, r in rows if n != number]
            if others:
                out[row, 5] = max(out[row, 5], max(linear[r] for r in others))
                out[row, 6] = max(out[row, 6], sum(sure[r] for r in others))
    return out


def overlaps(pairs: Sequence[PairInput], logits: npt.NDArray[Any]) -> Floats:
    """The best of a candidate's rivals in its pair: of those on its words and more, on some of its words, and elsewhere.

    Where a value ends is a choice among runs of words that overlap; two values of one key do not.
    Shapes: one logit a candidate; float32 (candidates, len(OVERLAP_NAMES)).
    """
    out = np.full((len(logits), len(OVERLAP_NAMES)), NO_RIVAL, np.float32)
    start = 0
    for pair in pairs:
        end = start + len(pair.candidates)
        if end - start > 1:
            out[start:end] = _overlaps_within(pair.candidates, logits[start:end])
        start = end
    return out


def _overlaps_within(candidates: Sequence[Candidate], logits: npt.NDArray[Any]) -> Floats:
    """`overlaps` of one pair, by each candidate's first place and its `RIVALS` best."""
    places = np.array([c.spans[0] if c.spans else (-1, -1) for c in candidates], np.int64)
    best = np.argsort(-logits, kind="stable")[:RIVALS]
    first, last = places[:, :1], places[:, 1:]
    touches = (first < places[best, 1]) & (places[best, 0] < last)
    longer = places[best, 1] - places[best, 0] > last - first
    itself = best == np.arange(len(logits))[:, None]
    kinds = (touches & longer, touches & ~longer & ~itself, ~touches & ~itself)
    return np.stack([np.where(kind, logits[best], NO_RIVAL).max(1) for kind in kinds], axis=1)


def _within(logits: npt.NDArray[Any]) -> Floats:
    order = np.argsort(-logits, kind="stable")
    best = logits[order[0]]
    second = logits[order[1]] if len(logits) > 1 else -9.0
    rows = np.zeros((len(logits), 5), np.float32)
    rows[:, 0] = logits
    rows[order, 1] = np.minimum(np.arange(len(logits)), 10)
    rows[:, 2] = logits - best
    rows[order[0], 3] = best - second
    rows[:, 4] = np.log(expit(logits).sum() + 1e-9)
    return rows


def save_ranker(
    folder: Path, meta: RankerMeta, weights: Floats, bias: float, boosted: lightgbm.Booster
) -> None:
    """Write a ranker; small weights of the linear stage are left out, the rest kept in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = np.flatnonzero(np.abs(weights) > 0.02)
    np.savez_compressed(
        folder / LINEAR,
        index=kept.astype(np.uint32),
        weight=weights[kept].astype(np.float16),
        bias=np.float32(bias),
    )
    boosted.save_model(str(folder / BOOSTED))
    (folder / META).write_text(json.dumps(asdict(meta), indent=1) + "\n", "utf-8")


def load_ranker(folder: Path | str) -> Ranker:
    """Read a ranker. Errors: RankerDamaged, saying what to do."""
    path = Path(folder)
    try:
        stated = json.loads((path / META).read_text("utf-8"))
        meta = RankerMeta(**(stated | {"mix": tuple(stated["mix"])}))
        stored = np.load(path / LINEAR)
        weights = np.zeros(1 << HASH_BITS, np.float32)
        weights[stored["index"]] = stored["weight"].astype(np.float32)
        boosted = lightgbm.Booster(model_file=str(path / BOOSTED))
        if meta.feature_version != FEATURE_VERSION:
            raise ValueError(f"features {meta.feature_version}, this program makes {FEATURE_VERSION}")
        return Ranker(meta, weights, float(stored["bias"]), boosted)
    except (OSError, ValueError, KeyError, TypeError, lightgbm.basic.LightGBMError) as error:
        raise RankerDamaged(
            f"{path} is no whole ranker: restore it or train one with `train_ranker`: {error!r}"
        ) from error
