"""Calibration of what the discriminator takes part in: its opinion joined with the ranker's, and its opinion alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipelines.library.calibration import BOTH, DISCRIMINATOR, Calibration, Curve
from pipelines.library.open_pairs import mix
from pipelines.library.ranker import RankerMeta
from pipelines.models.calibration import LEAST_P, Samples, TooFewSamples, fit_curves, samples_of
from pipelines.models.curves import IDENTITY, PLATT
from pipelines.models.opinions import KeptOpinion

FEW = (IDENTITY, PLATT)
"""Open pairs are few: two numbers a curve at most."""


def with_opinions(found: Calibration, kept: Sequence[KeptOpinion], meta: RankerMeta) -> Calibration:
    """A calibration with curves for both routes of the discriminator, as far as there are enough opinions."""

    def joined(one: KeptOpinion) -> Sequence[float]:
        ranked = np.asarray(one.opinion.ranked, np.float32)
        return [float(p) for p in mix(ranked, one.opinion.said, meta)]

    routes: tuple[tuple[str, Callable[[KeptOpinion], Sequence[float]]], ...] = (
        (BOTH, joined),
        (DISCRIMINATOR, lambda one: one.opinion.said),
    )
    values, nothing = dict(found.values), dict(found.nothing)
    for route, said in routes:
        for curves, samples, falling in (
            (values, _values(kept, said), False),
            (nothing, _nothing(kept, said), True),
        ):
            fitted = _fitted(samples, falling)
            if fitted:
                curves[route] = fitted
    return replace(found, values=values, nothing=nothing)


def _fitted(samples: Samples, falling: bool) -> Mapping[str, Curve] | None:
    try:
        return fit_curves(samples, methods=FEW, falling=falling).curves
    except TooFewSamples:
        return None


def _values(kept: Sequence[KeptOpinion], said: Callable[[KeptOpinion], Sequence[float]]) -> Samples:
    rows = []
    for one in kept:
        p = said(one)
        order = sorted(range(len(p)), key=lambda place: -p[place])
        for place in order if one.multi else order[:1]:
            if p[place] >= LEAST_P:
                rows.append((p[place], bool(one.opinion.true[place]), one.kind, one.family))
    return samples_of(rows)


def _nothing(kept: Sequence[KeptOpinion], said: Callable[[KeptOpinion], Sequence[float]]) -> Samples:
    return samples_of(
        (max(said(one)), not any(one.opinion.true) and one.opinion.missed == 0, one.kind, one.family)
        for one in kept
        if said(one)
    )
