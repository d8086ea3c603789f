"""Fits the relevance heads and measures them at operating points: how many keys are skipped, and what is lost by it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from pipelines.library.relevance_features import A_NAMES, Floats, surely_touched
from pipelines.models.relevance_data import SIBLINGS, Rows

FOLDS = 4
C = 0.001
ROUNDS = 200
LEAST_TRUE = 100
RECALLS = (0.999, 0.995, 0.99, 0.98, 0.95)
LINEAR_AT = A_NAMES.index("linear")
BOOST = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
}


@dataclass(frozen=True, slots=True)
class Head:
    """One fitted head: its trees, task A's linear stage (empty for B), thresholds by wanted recall from other folds."""

    booster: lightgbm.Booster
    weights: Floats
    bias: float
    thresholds: dict[str, float]

    def probabilities(self, rows: Rows) -> Floats:
        """Probabilities of rows, as recognition has them: 1 where task B has no doubt. Shapes: (N)."""
        found = self.learnt(rows)
        return (
            found
            if self.weights.size
            else np.where(surely_touched(np.stack(rows.numbers)), np.float32(1), found)
        )

    def learnt(self, rows: Rows) -> Floats:
        """Probabilities of rows by the trees alone. Shapes: (N)."""
        numbers = np.stack(rows.numbers)
        if self.weights.size:
            numbers[:, LINEAR_AT] = np.stack(rows.products).astype(np.float32) @ self.weights + self.bias
        return np.asarray(self.booster.predict(numbers, num_threads=1), np.float32)


@dataclass(frozen=True, slots=True)
class Point:
    """An operating point: of `rows` keys, `skipped` is the share below the threshold (calls saved), `recall` the share of the
    true ones above it, `precision` the share of true ones among those above, `lost` the share of all keys wrongly skipped.
    """

    threshold: float
    rows: int
    positive: float
    skipped: float
    precision: float
    recall: float
    lost: float


def fit_head(rows: Rows, threads: int = 1, say: Callable[[str], None] = print) -> Head:
    """Fit a head; thresholds come from folds that did not see a row's product family.

    Where there are real siblings, thresholds come from them alone: made-up ones differ more plainly.
    Errors: ValueError when there are too few families, or rows of one label only.
    """
    labels = np.asarray(rows.labels)
    folds = np.array([zlib.crc32(family.encode()) % FOLDS for family in rows.families])
    if len(set(folds.tolist())) < FOLDS or len(set(rows.labels)) < 2:
        raise ValueError(f"{len(set(rows.families))} product families are too few to train a relevance head")
    numbers = np.stack(rows.numbers)
    weights, bias = np.zeros(0, np.float32), 0.0
    if rows.products:
        products = np.stack(rows.products).astype(np.float32)
        # By key, not by family: the trees must learn how much the linear stage is worth on keys that it never saw.
        by_key = np.array([zlib.crc32(name.lower().encode()) % FOLDS for name in rows.keys])
        for fold in range(FOLDS):
            held = by_key == fold
            if not held.any() or len(set(labels[~held].tolist())) < 2:
                continue
            numbers[held, LINEAR_AT] = _linear(products[~held], labels[~held]).decision_function(
                products[held]
            )
        model = _linear(products, labels)
        weights, bias = np.asarray(model.coef_[0], np.float32), float(model.intercept_[0])
    unseen = np.zeros(len(labels), np.float32)
    for fold in range(FOLDS):
        held = folds == fold
        unseen[held] = _boosted(numbers[~held], labels[~held], threads).predict(numbers[held])
    score = average_precision(unseen, labels)
    if not rows.products:
        unseen = np.where(surely_touched(numbers), np.float32(1), unseen)
    real = np.array([kind.endswith(f"/{SIBLINGS}") for kind in rows.kinds])
    judged = real if (real & labels).sum() >= LEAST_TRUE else np.ones(len(labels), np.bool_)
    thresholds = {f"{recall:g}": threshold_of(unseen[judged], labels[judged], recall) for recall in RECALLS}
    say(f"{len(labels)} rows, {labels.mean():.3f} true, average precision on other folds {score:.4f}")
    return Head(_boosted(numbers, labels, threads), weights, bias, thresholds)


def threshold_of(probabilities: Floats, labels: npt.NDArray[np.bool_], recall: float) -> float:
    """The highest threshold that keeps this share of the true rows.

    >>> threshold_of(np.float32([.1, .2, .3, .4]), np.array([True, False, True, True]), .6)
    0.3
    """
    true = np.sort(probabilities[labels])
    lost = int(np.floor((1 - recall) * len(true) + 1e-9))
    return round(float(true[lost]), 6) if len(true) else 0.0


def point(probabilities: Floats, labels: npt.NDArray[np.bool_], threshold: float) -> Point:
    """What a threshold does to these rows."""
    kept = probabilities >= threshold - 1e-6
    right = int((kept & labels).sum())
    return Point(
        threshold=threshold,
        rows=len(labels),
        positive=round(float(labels.mean()), 4) if len(labels) else 0.0,
        skipped=round(1 - float(kept.mean()), 4) if len(labels) else 0.0,
        precision=round(right / max(1, int(kept.sum())), 4),
        recall=round(right / max(1, int(labels.sum())), 4),
        lost=round(int((~kept & labels).sum()) / max(1, len(labels)), 4),
    )


def average_precision(probabilities: Floats, labels: npt.NDArray[np.bool_]) -> float:
    """Area under precision by recall; 0 where nothing is true."""
    return round(float(average_precision_score(labels, probabilities)), 4) if labels.any() else 0.0


def chosen(rows: Rows, mask: Sequence[bool]) -> Rows:
    """Some of the rows."""
    found = Rows()
    for name in ("numbers", "labels", "families", "keys", "kinds", "products"):
        column = getattr(rows, name)
        setattr(found, name, [one for one, wanted in zip(column, mask, strict=False) if wanted])
    return found


def _linear(products: Floats, labels: npt.NDArray[np.bool_]) -> LogisticRegression:
    # The product of two unit vectors' numbers is about 1 / d: it is fitted at the size of 1, and the weights brought back.
    size = products.shape[1]
    model = LogisticRegression(C=C, max_iter=300).fit(products * size, labels)
    model.coef_ = model.coef_ * size
    return model


def _boosted(numbers: Floats, labels: npt.NDArray[np.bool_], threads: int) -> lightgbm.Booster:
    return lightgbm.train(BOOST | {"num_threads": threads}, lightgbm.Dataset(numbers, labels), ROUNDS)
