"""Kinds of calibration curve: none, Platt, beta, isotonic; each fitted on probabilities and truth, kept as knots."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from pipelines.library.calibration import Curve

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Fitter = Callable[[Doubles, Bools, bool], Curve]
IDENTITY, PLATT, BETA, ISOTONIC = "none", "platt", "beta", "isotonic"
EDGE = 1e-5
GRID = np.concatenate([[0.0], expit(np.linspace(-9.0, 9.0, 61)), [1.0]])
LEAST_STEP = 1e-5


def _identity(_p: Doubles, _right: Bools, falling: bool) -> Curve:
    return Curve((0.0, 1.0), (1.0, 0.0) if falling else (0.0, 1.0))


def _platt(p: Doubles, right: Bools, falling: bool) -> Curve:
    return _logistic(p, right, falling, lambda x: (np.log(x) - np.log1p(-x))[:, None])


def _beta(p: Doubles, right: Bools, falling: bool) -> Curve:
    return _logistic(p, right, falling, lambda x: np.stack([np.log(x), -np.log1p(-x)], axis=1))


def _logistic(p: Doubles, right: Bools, falling: bool, features: Callable[[Doubles], Doubles]) -> Curve:
    """A logistic regression on features of the probability, read off at the knots of GRID; its order is kept."""
    model = LogisticRegression(C=1e3).fit(features(_inside(p)), right)
    fair = model.predict_proba(features(_inside(GRID)))[:, 1]
    return _curve(GRID, np.minimum.accumulate(fair) if falling else np.maximum.accumulate(fair))


def _isotonic(p: Doubles, right: Bools, falling: bool) -> Curve:
    """Isotonic steps as lines between their centres, so that order is kept; one half keeps ends off 0 and 1."""
    order = np.argsort(p, kind="stable")
    x, y = p[order], right[order].astype(np.float64)
    fitted = IsotonicRegression(increasing=not falling).fit_transform(x, y)
    blocks = np.split(np.arange(len(x)), np.flatnonzero(np.diff(fitted)) + 1)
    centres = np.array([x[block].mean() for block in blocks])
    shares = np.array([(y[block].sum() + 0.5) / (len(block) + 1) for block in blocks])
    shares = np.minimum.accumulate(shares) if falling else np.maximum.accumulate(shares)
    low, high = (1.0, 0.0) if falling else (0.0, 1.0)
    inner = (centres > LEAST_STEP) & (centres < 1 - LEAST_STEP)
    return _curve(
        np.concatenate([[0.0], centres[inner], [1.0]]),
        np.concatenate([[(shares[0] + low) / 2], shares[inner], [(shares[-1] + high) / 2]]),
    )


def _inside(p: Doubles) -> Doubles:
    return np.asarray(np.clip(p, EDGE, 1 - EDGE), np.float64)


def _curve(raw: Doubles, fair: Doubles) -> Curve:
    """Knots that grow, in figures that a file can hold."""
    kept_raw, kept_fair = [0.0], [round(float(fair[0]), 5)]
    for x, y in zip(raw[1:].tolist(), fair[1:].tolist(), strict=True):
        if round(x, 5) > kept_raw[-1]:
            kept_raw.append(round(x, 5))
            kept_fair.append(round(y, 5))
    return Curve(tuple(kept_raw), tuple(kept_fair))


FITTERS: dict[str, Fitter] = {IDENTITY: _identity, PLATT: _platt, BETA: _beta, ISOTONIC: _isotonic}
SIMPLEST_FIRST = (IDENTITY, PLATT, BETA, ISOTONIC)
