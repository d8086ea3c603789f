"""Fits how the ranker's and the discriminator's opinions join, on items that neither has learned from.

Source: ours (design.md: the cheap scorer and the discriminator form one calibrated cascade).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from pipelines.library.open_pairs import log_odds

MIN_PAIRS = 50


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


def fit_mixture(opinions: Sequence[Opinion], threshold: float, folds: int = 5) -> Mixture:
    """Fit the weights; both F1 are cross-validated by pair, at the ranker's threshold.

    Errors: ValueError for fewer than 50 pairs.
    """
    if len(opinions) < MIN_PAIRS:
        raise ValueError(f"{len(opinions)} open pairs are too few to fit a mixture: take more items")
    alone, both = [], []
    for fold in range(folds):
        model = _fit([o for n, o in enumerate(opinions) if n % folds != fold])
        for opinion in opinions[fold::folds]:
            alone.append((np.asarray(opinion.ranked) >= threshold, opinion))
            both.append((model.predict_proba(_rows([opinion]))[:, 1] >= threshold, opinion))
    whole = _fit(opinions)
    weights = (float(whole.intercept_[0]), float(whole.coef_[0][0]), float(whole.coef_[0][1]))
    return Mixture(weights, _f1(alone), _f1(both), len(opinions))


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
