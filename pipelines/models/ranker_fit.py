"""Fits the ranker: a linear stage over hashed tokens, then a boosted stage over its out-of-fold opinion."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from pipelines.library.ranker import Floats, boosted_rows
from pipelines.models.examples import AS_NEW
from pipelines.models.ranker_data import RankerRows

FOLDS = 4
C = 3.0
ROUNDS = 250
NEW_WEIGHT = 0.5
"""What an item shown once more as new counts for: of entries that are old there are more at work."""
BOOST = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "seed": 1,
    "deterministic": True,
}
THRESHOLDS = tuple(np.arange(0.1, 0.9, 0.02).round(2).tolist())


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted ranker, with its out-of-fold probabilities on the training candidates."""

    weights: Floats
    bias: float
    boosted: lightgbm.Booster
    out_of_fold: Floats
    threshold: float
    f1: float


def fit_ranker(rows: RankerRows, threads: int = 1, say: Callable[[str], None] = print) -> Fitted:
    """Fit both stages. A product family is in one fold, for it tells of its siblings. Errors: ValueError for too few."""
    labels, owners = rows.labels(), rows.owners()
    folds = _folds(rows.families)[owners]
    if len(set(folds.tolist())) < FOLDS:
        raise ValueError(f"{len(set(rows.families))} labelled product families are too few to train a ranker")
    weights = _weights(rows)
    linear = _linear_out_of_fold(rows, labels, weights, folds, say)
    model = _linear(rows.tokens, labels, weights)
    numbers = boosted_rows(rows.pairs, linear)
    found = np.zeros(len(labels), np.float32)
    for fold in range(FOLDS):
        held = folds == fold
        fitted = _boosted(numbers[~held], labels[~held], weights[~held], threads)
        found[held] = fitted.predict(numbers[held])
        say(f"boosted stage, fold {fold + 1} of {FOLDS}")
    threshold, f1 = best_threshold(rows, found)
    return Fitted(
        np.asarray(model.coef_[0], np.float32),
        float(model.intercept_[0]),
        _boosted(numbers, labels, weights, threads),
        found,
        threshold,
        f1,
    )


def _folds(names: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.array([zlib.crc32(name.encode()) % FOLDS for name in names], np.int64)


def _linear_out_of_fold(
    rows: RankerRows,
    labels: npt.NDArray[np.bool_],
    weights: Floats,
    folds: npt.NDArray[np.int64],
    say: Callable[[str], None],
) -> npt.NDArray[np.float64]:
    """The linear stage's opinion of each candidate by what it did not learn from: its family, of a new key any item's.

    Else the boosted stage would trust it with a new key as with one that it knows.
    """
    linear = np.zeros(len(labels))
    for fold in range(FOLDS):
        held = folds == fold
        fitted = _linear(rows.tokens[~held], labels[~held], weights[~held])
        linear[held] = fitted.decision_function(rows.tokens[held])
        say(f"linear stage, fold {fold + 1} of {FOLDS}")
    owners = rows.owners()
    is_new, key_folds = np.array(rows.new, np.bool_)[owners], _folds(rows.keys)[owners]
    for fold in range(FOLDS):
        held = key_folds == fold
        if (held & is_new).any() and len(set(labels[~held].tolist())) == 2:
            fitted = _linear(rows.tokens[~held], labels[~held], weights[~held])
            linear[held & is_new] = fitted.decision_function(rows.tokens[held & is_new])
            say(f"linear stage, new keys, fold {fold + 1} of {FOLDS}")
    return linear


def _weights(rows: RankerRows) -> Floats:
    """The weight of each candidate."""
    of_pairs = [NEW_WEIGHT if item.endswith(AS_NEW) else 1.0 for item in rows.items]
    return np.asarray(of_pairs, np.float32)[rows.owners()]


def _linear(tokens: sp.csr_matrix, labels: npt.NDArray[np.bool_], weights: Floats) -> LogisticRegression:
    made = LogisticRegression(C=C, solver="liblinear", tol=1e-2, max_iter=60)
    return made.fit(tokens, labels, sample_weight=weights)


def _boosted(
    numbers: Floats, labels: npt.NDArray[np.bool_], weights: Floats, threads: int
) -> lightgbm.Booster:
    data = lightgbm.Dataset(numbers, labels, weight=weights)
    return lightgbm.train(BOOST | {"num_threads": threads}, data, ROUNDS)


def best_threshold(rows: RankerRows, probabilities: Floats) -> tuple[float, float]:
    """The threshold of the best micro F1 over all labelled pairs, and that F1; what is shown as new does not count."""
    ordinary = np.array([not item.endswith(AS_NEW) for item in rows.items], np.bool_)
    total = sum(len(gold) for gold, counts in zip(rows.gold, ordinary, strict=True) if counts)
    labels = rows.labels() & ordinary[rows.owners()]
    scored = []
    for threshold in THRESHOLDS:
        stated = (probabilities >= threshold) & ordinary[rows.owners()]
        scored.append((2 * float((stated & labels).sum()) / max(1, int(stated.sum()) + total), threshold))
    f1, threshold = max(scored)
    return threshold, f1
