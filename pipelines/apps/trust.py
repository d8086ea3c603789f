"""How far confidence can be trusted: precision over recall, and reliability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

BINS = 10


@dataclass(frozen=True, slots=True)
class Claim:
    """One predicted value: how sure, and whether it is true."""

    confidence: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Precision and recall of the claims at least this sure."""

    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Claims of similar confidence: how many, how sure on average, and which share is right."""

    count: int
    confidence: float
    right: float


def curve(claims: Iterable[Claim], true_values: int) -> tuple[CurvePoint, ...]:
    """Precision and recall at each confidence, from the surest claim on.

    >>> [point.recall for point in curve([Claim(.9, True), Claim(.4, False), Claim(.4, True)], 4)]
    [0.25, 0.5]
    """
    points: list[CurvePoint] = []
    said = right = 0
    ordered = sorted(claims, key=lambda claim: -claim.confidence)
    for confidence, together in groupby(ordered, key=lambda claim: claim.confidence):
        for claim in together:
            said += 1
            right += claim.is_right
        points.append(CurvePoint(confidence, right / said, right / max(1, true_values)))
    return tuple(points)


def recall_at(points: Sequence[CurvePoint], precision: float) -> float:
    """The greatest recall at which this precision is kept; 0 when it never is."""
    return max((point.recall for point in points if point.precision >= precision), default=0.0)


def reliability(claims: Iterable[Claim]) -> tuple[Bin, ...]:
    """Claims by confidence in ten equal bins, empty ones left out."""
    bins: list[list[Claim]] = [[] for _ in range(BINS)]
    for claim in claims:
        bins[min(BINS - 1, int(claim.confidence * BINS))].append(claim)
    return tuple(
        Bin(
            len(found),
            sum(claim.confidence for claim in found) / len(found),
            sum(claim.is_right for claim in found) / len(found),
        )
        for found in bins
        if found
    )


def calibration_error(bins: Iterable[Bin]) -> float:
    """Mean distance between confidence and share right, over all claims (expected calibration error)."""
    found = list(bins)
    total = sum(part.count for part in found)
    return sum(part.count * abs(part.confidence - part.right) for part in found) / max(1, total)
