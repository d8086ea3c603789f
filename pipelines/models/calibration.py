"""Fits calibration: from raw probabilities of items that the models had not learned from, and the truth, to `Calibration`.

The kind of curve (none, Platt, beta, isotonic) and whether each kind of value has its own are chosen by log loss on
product families that a curve was not fitted on; operating points are read off those same cross-fitted chances.
Source: ours; Platt 1999, Zadrozny and Elkan 2002 (isotonic), Kull et al. 2017 (beta).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.library.calibration import ANY_KIND, RANKER, Calibration, Curve, Point
from pipelines.models.curves import FITTERS, IDENTITY, SIMPLEST_FIRST
from pipelines.models.out_of_fold import PairTruth

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
FOLDS = 5
LEAST_P = 0.02
"""Candidates below are never stated and would drown the others."""
LEAST_OF_KIND = 200
"""A kind with fewer samples shares the curve of all."""
WORTHWHILE = 0.0005
"""Log loss, in nats a sample, that a more complex curve must save."""
PRECISIONS = tuple(round(0.70 + 0.01 * step, 2) for step in range(30))


class TooFewSamples(ValueError):
    """Too little labelled data to calibrate on."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Raw probabilities, whether each was right, the kind of value, and the product family. Shapes: N each."""

    p: Doubles
    right: Bools
    kinds: npt.NDArray[np.str_]
    families: npt.NDArray[np.str_]

    def of(self, places: Bools | Places) -> Samples:
        """Some of them."""
        return Samples(self.p[places], self.right[places], self.kinds[places], self.families[places])

    def folds(self) -> Places:
        """The fold of each sample; a family is in one."""
        return np.array([zlib.crc32(f"fold {name}".encode()) % FOLDS for name in self.families], np.int64)


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to calibrate, and what it was worth on families that it was not fitted on."""

    method: str
    per_kind: bool
    log_loss: float
    ece: float
    recall_at: Mapping[float, float]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Curves by kind, the chances that curves fitted on other families give each sample, and all ways tried."""

    curves: Mapping[str, Curve]
    cross_fitted: Doubles
    choices: tuple[Choice, ...]
    chosen: Choice


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """A pair's truth, with the kind of its key and whether that may have several values."""

    truth: PairTruth
    kind: str
    multi: bool


def value_samples(pairs: Iterable[LabelledPair]) -> Samples:
    """The candidates that could be stated: the best of a single-valued key, else all that are no repetition."""
    rows: list[tuple[float, bool, str, str]] = []
    for pair in pairs:
        seen: set[int] = set()
        order = sorted(range(len(pair.truth.p)), key=lambda place: -pair.truth.p[place])
        for place in order if pair.multi else order[:1]:
            value, p = pair.truth.is_value[place], pair.truth.p[place]
            if p >= LEAST_P and value not in seen:
                rows.append((p, value >= 0, pair.kind, pair.truth.family))
            if value >= 0:
                seen.add(value)
    return samples_of(rows)


def nothing_samples(pairs: Iterable[LabelledPair]) -> Samples:
    """The best candidate of each pair that has any, and whether gold says that nothing is stated."""
    return samples_of(
        (max(pair.truth.p), pair.truth.gold == 0, pair.kind, pair.truth.family)
        for pair in pairs
        if pair.truth.p
    )


def nothing_without_candidates(pairs: Sequence[LabelledPair]) -> dict[str, float]:
    """By kind, the share of pairs without candidates of which gold says that nothing is stated (smoothed by one half)."""
    bare = [pair for pair in pairs if not pair.truth.p]
    groups = {kind: [pair for pair in bare if pair.kind == kind] for kind in {pair.kind for pair in bare}}
    big = {kind: group for kind, group in groups.items() if len(group) >= LEAST_OF_KIND}
    return {
        kind: round((sum(pair.truth.gold == 0 for pair in group) + 0.5) / (len(group) + 1), 4)
        for kind, group in ({ANY_KIND: bare} | big).items()
    }


def samples_of(rows: Iterable[tuple[float, bool, str, str]]) -> Samples:
    """Samples of (probability, right, kind, family) rows."""
    found = list(rows)
    return Samples(
        np.array([row[0] for row in found], np.float64),
        np.array([row[1] for row in found], np.bool_),
        np.array([row[2] for row in found], np.str_),
        np.array([row[3] for row in found], np.str_),
    )


def fit_curves(
    samples: Samples, gold: int = 0, methods: Sequence[str] = SIMPLEST_FIRST, falling: bool = False
) -> Fitted:
    """Choose and fit curves; `gold`: how many true values there are in all, for recall. `falling`: right means unlikely.

    Errors: TooFewSamples.
    """
    if len(samples.p) < LEAST_OF_KIND or len(set(samples.right.tolist())) < 2:
        raise TooFewSamples(f"{len(samples.p)} labelled pairs are too few to calibrate on: label more items")
    folds = samples.folds()
    tried: list[tuple[Choice, Doubles]] = []
    for method in methods:
        for per_kind in (False, True):
            if method == IDENTITY and per_kind:
                continue
            chances = np.zeros(len(samples.p))
            for fold in range(FOLDS):
                held = folds == fold
                curves = _curves(samples.of(~held), method, per_kind, falling)
                chances[held] = apply(curves, samples.of(held))
            tried.append((_choice(method, per_kind, chances, samples, gold), chances))
    chosen, cross_fitted = tried[0]
    for choice, chances in tried[1:]:
        if choice.log_loss < chosen.log_loss - WORTHWHILE:
            chosen, cross_fitted = choice, chances
    curves = _curves(samples, chosen.method, chosen.per_kind, falling)
    return Fitted(curves, cross_fitted, tuple(choice for choice, _ in tried), chosen)


def apply(curves: Mapping[str, Curve], samples: Samples) -> Doubles:
    """The chance of each sample by its kind's curve."""
    chances = np.zeros(len(samples.p))
    for kind in set(samples.kinds.tolist()):
        places = samples.kinds == kind
        chances[places] = curves.get(kind, curves[ANY_KIND]).at(samples.p[places])
    return chances


def operating_points(chances: Doubles, right: Bools, gold: int) -> tuple[Point, ...]:
    """For each precision of the grid that is reached, the lowest threshold that keeps it."""
    thresholds, precision, recall = _curve_of(chances, right, gold)
    points = []
    for wanted in PRECISIONS:
        enough = np.flatnonzero(precision >= wanted)
        if len(enough):
            points.append(
                Point(wanted, round(float(thresholds[enough[-1]]), 5), round(float(recall[enough[-1]]), 4))
            )
    return tuple(points)


def best_threshold(chances: Doubles, right: Bools, gold: int) -> float:
    """The threshold of the best micro F1."""
    thresholds, precision, recall = _curve_of(chances, right, gold)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return round(float(thresholds[int(f1.argmax())]), 5)


def calibrate(
    pairs: Sequence[LabelledPair], negatives: Sequence[LabelledPair], ranker: str, version: str
) -> tuple[Calibration, Fitted, Fitted]:
    """Calibration of the ranker's route, and how both of its curves were chosen.

    `negatives`: the pairs of sets whose gold also says what is not stated; others cannot teach that.
    Errors: TooFewSamples.
    """
    gold = sum(pair.truth.gold for pair in pairs)
    samples = value_samples(pairs)
    values = fit_curves(samples, gold)
    nothing = fit_curves(nothing_samples(negatives), falling=True)
    found = Calibration(
        version=version,
        ranker=ranker,
        values={RANKER: values.curves},
        nothing={RANKER: nothing.curves},
        no_candidate=nothing_without_candidates(negatives),
        threshold=best_threshold(values.cross_fitted, samples.right, gold),
        points=operating_points(values.cross_fitted, samples.right, gold),
    )
    return found, values, nothing


def expected_calibration_error(chances: Doubles, right: Bools, bins: int = 15) -> float:
    """Mean distance between chance and share right over equal-width bins, weighted by size."""
    places = np.minimum((chances * bins).astype(np.int64), bins - 1)
    sizes = np.bincount(places, minlength=bins)
    gaps = np.abs(np.bincount(places, chances, bins) - np.bincount(places, right, bins))
    return float(gaps[sizes > 0].sum() / max(1, len(chances)))


def _curve_of(chances: Doubles, right: Bools, gold: int) -> tuple[Doubles, Doubles, Doubles]:
    """Threshold, precision and recall after each distinct chance, from the greatest on."""
    order = np.argsort(-chances, kind="stable")
    ordered, hits = chances[order], np.cumsum(right[order])
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    return ordered[last], hits[last] / (last + 1), hits[last] / max(1, gold)


def _curves(samples: Samples, method: str, per_kind: bool, falling: bool) -> dict[str, Curve]:
    fit = FITTERS[method]
    curves = {ANY_KIND: fit(samples.p, samples.right, falling)}
    if per_kind:
        for kind in sorted(set(samples.kinds.tolist())):
            of_kind = samples.of(samples.kinds == kind)
            if len(of_kind.p) >= LEAST_OF_KIND and len(set(of_kind.right.tolist())) == 2:
                curves[str(kind)] = fit(of_kind.p, of_kind.right, falling)
    return curves


def _choice(method: str, per_kind: bool, chances: Doubles, samples: Samples, gold: int) -> Choice:
    held = np.clip(chances, 1e-4, 1 - 1e-4)
    loss = -np.where(samples.right, np.log(held), np.log(1 - held)).mean()
    points = {point.precision: point.recall for point in operating_points(chances, samples.right, gold)}
    return Choice(
        method,
        per_kind,
        round(float(loss), 5),
        round(expected_calibration_error(chances, samples.right), 4),
        {at: points[at] for at in (0.90, 0.94, 0.95) if gold and at in points},
    )
