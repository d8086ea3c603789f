"""Fits how the ranker's and the discriminator's opinions join, on items that neither has learned from.

Source: ours (design.md: the cheap scorer and the discriminator form one calibrated cascade).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from pipelines.library.open_pairs import log_odds

MIN_PAIRS = 50
WORTH = 0.001
"""F1 of the open pairs that asking more of them must gain, lest the discriminator be asked for nothing."""
KEPT_GAIN = 0.85
"""Share of the best range's gain in F1 that a smaller range has to keep: the last of it costs most of the questions."""
LOWS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
HIGHS = (0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75)
Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Opinion:
    """One open pair: both opinions of each candidate, whether it is true, and how many true values were no candidate."""

    ranked: Sequence[float]
    said: Sequence[float]
    true: Sequence[bool]
    missed: int


@dataclass(frozen=True, slots=True)
class Mixture:
    """Weights of the joint logit, and the F1 of open pairs by the ranker alone and by both (on other folds)."""

    mix: tuple[float, float, float]
    f1_ranker: float
    f1_both: float
    pairs: int


@dataclass(frozen=True, slots=True)
class OpenRange:
    """Bounds of the ranker's best probability, the share of the opinions' pairs within them, and the F1 of all of them then."""

    low: float
    high: float
    share: float
    f1: float


def fit_mixture(opinions: Sequence[Opinion], threshold: float, folds: int = 5) -> Mixture:
    """Fit the weights; both F1 are cross-validated by pair, at the ranker's threshold.

    Errors: ValueError for fewer than 50 pairs.
    """
    joint = joint_probabilities(opinions, folds)
    alone = [(np.asarray(o.ranked) >= threshold, o) for o in opinions]
    both = [(p >= threshold, o) for p, o in zip(joint, opinions, strict=True)]
    whole = _fit(opinions)
    weights = (float(whole.intercept_[0]), float(whole.coef_[0][0]), float(whole.coef_[0][1]))
    return Mixture(weights, _f1(alone), _f1(both), len(opinions))


def joint_probabilities(opinions: Sequence[Opinion], folds: int = 5) -> list[Floats]:
    """What both say of each pair's candidates together, by weights fitted on other pairs.

    Errors: ValueError for fewer than 50 pairs.
    """
    if len(opinions) < MIN_PAIRS:
        raise ValueError(f"{len(opinions)} open pairs are too few to fit a mixture: take more items")
    models = [_fit([o for n, o in enumerate(opinions) if n % folds != fold]) for fold in range(folds)]
    return [models[n % folds].predict_proba(_rows([o]))[:, 1] for n, o in enumerate(opinions)]


def fit_open_range(opinions: Sequence[Opinion], threshold: float) -> OpenRange:
    """Which of the pairs that were asked about are worth asking: the fewest that keep most of what asking gains.

    `opinions` are of the widest range. A pair is open while the ranker's best probability lies within the range.
    Errors: ValueError for fewer than 50 pairs.
    """
    joint = joint_probabilities(opinions)
    best = np.array([max(o.ranked) for o in opinions])
    tried = []
    for low in (low for low in LOWS if low < threshold):
        for high in (high for high in HIGHS if high > threshold):
            is_open = (best > low) & (best < high)
            decided = [
                ((p if asked else np.asarray(o.ranked)) >= threshold, o)
                for p, o, asked in zip(joint, opinions, is_open, strict=True)
            ]
            tried.append(OpenRange(low, high, float(is_open.mean()), _f1(decided)))
    alone = _f1([(np.asarray(o.ranked) >= threshold, o) for o in opinions])
    most = max(found.f1 for found in tried)
    enough = most - max(WORTH, (1 - KEPT_GAIN) * (most - alone))
    return min((found for found in tried if found.f1 >= enough), key=lambda found: found.share)


def _fit(opinions: Sequence[Opinion]) -> LogisticRegression:
    return LogisticRegression(C=1.0).fit(_rows(opinions), [label for o in opinions for label in o.true])


def _rows(opinions: Sequence[Opinion]) -> npt.NDArray[np.float32]:
    """Both log-odds of each candidate. Shapes: (candidates, 2)."""
    return np.vstack([np.stack([log_odds(o.ranked), log_odds(o.said)], axis=1) for o in opinions])


def _f1(decided: Sequence[tuple[npt.NDArray[np.bool_], Opinion]]) -> float:
    right = sum(int((stated & np.asarray(o.true)).sum()) for stated, o in decided)
    stated_all = sum(int(stated.sum()) for stated, _ in decided)
    gold = sum(sum(o.true) + o.missed for _, o in decided)
    return 2 * right / max(1, stated_all + gold)
