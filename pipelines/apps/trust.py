"""How far confidence can be trusted: precision over recall, and reliability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

BINS = 10
ECE_BINS = 15


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


@dataclass(frozen=True, slots=True)
class Trust:
    """Whether confidence is what it says, over some claims.

    `ece`: expected calibration error over 15 bins of equal width, the usual definition and the headline.
    `ece_equal_mass`: over 15 bins of equally many claims, which no crowded bin can hide in. `bins`: those of equal width.
    """

    claims: int
    ece: float
    ece_equal_mass: float
    bins: tuple[Bin, ...]


def trust(claims: Iterable[Claim]) -> Trust | None:
    """Calibration of claims; None where there are none.

    Source: Guo et al. 2017 (equal width), Nguyen and O'Connor 2015 (equal mass).
    """
    found = list(claims)
    if not found:
        return None
    by_width = reliability(found, ECE_BINS)
    return Trust(
        len(found), calibration_error(by_width), calibration_error(_by_mass(found, ECE_BINS)), by_width
    )


def reliability(claims: Iterable[Claim], count: int = BINS) -> tuple[Bin, ...]:
    """Claims by confidence in bins of equal width, empty ones left out."""
    bins: list[list[Claim]] = [[] for _ in range(count)]
    for claim in claims:
        bins[min(count - 1, int(claim.confidence * count))].append(claim)
    return tuple(_bin(found) for found in bins if found)


def _by_mass(claims: Sequence[Claim], count: int) -> tuple[Bin, ...]:
    """Bins of equally many claims; claims of one confidence may fall into two."""
    ordered = sorted(claims, key=lambda claim: (claim.confidence, claim.is_right))
    size = len(ordered)
    edges = [size * number // count for number in range(count + 1)]
    return tuple(_bin(ordered[low:high]) for low, high in pairwise(edges) if high > low)


def _bin(found: Sequence[Claim]) -> Bin:
    size = len(found)
    return Bin(size, sum(one.confidence for one in found) / size, sum(one.is_right for one in found) / size)


def calibration_error(bins: Iterable[Bin]) -> float:
    """Mean distance between confidence and share right, over all claims (expected calibration error)."""
    found = list(bins)
    total = sum(part.count for part in found)
    return sum(part.count * abs(part.confidence - part.right) for part in found) / max(1, total)
