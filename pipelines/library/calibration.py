"""Calibrated confidence and operating points: from what a model says to the chance that it is right (M7).

A raw probability becomes the share of such claims that were right on items that the models had not learned from, per
stage of the cascade that answers (`route`) and, where that was measurably better, per kind of value. After that a single
threshold gives every kind the same precision at its margin, so an operating point is one number, looked up by the
precision that is wanted. Source: ours (design.md: calibrated cascade); paper section 5.4 (confidence estimation).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
FILE = "calibration.json"
FORMAT = 1
RANKER, BOTH, DISCRIMINATOR = "ranker", "both", "discriminator"
ANY_KIND = ""


class CalibrationError(RuntimeError):
    """There is no usable calibration where one is needed. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A growing or falling map of probabilities: straight lines between its knots.

    >>> Curve((0.0, 1.0), (0.0, 0.5)).at(np.array([0.5])).tolist()
    [0.25]
    """

    raw: tuple[float, ...]
    fair: tuple[float, ...]

    def at(self, p: npt.ArrayLike) -> Floats:
        """The map at some probabilities, same shape."""
        return np.asarray(np.interp(np.asarray(p, np.float64), self.raw, self.fair), np.float32)


@dataclass(frozen=True, slots=True)
class Point:
    """One operating point: stating what is at least `threshold` sure had this precision and recall, out of fold."""

    precision: float
    threshold: float
    recall: float


Curves = Mapping[str, Mapping[str, Curve]]
"""By route, then by kind of value; `ANY_KIND` where a kind has none of its own."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes probabilities of one ranker and its cascade mean what they say.

    `values`: probability of a candidate -> that it is true. `nothing`: probability of the best candidate -> that the
    item states nothing. `no_candidate`: the same by kind, where there is no candidate at all. `threshold`: the fair
    probability from which a value is stated for the best F1. `points` grow in precision. `about`: how it was fitted.
    """

    version: str
    ranker: str
    values: Curves
    nothing: Curves
    no_candidate: Mapping[str, float]
    threshold: float
    points: tuple[Point, ...]
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """How probabilities become answers: the threshold, and what they are worth. Without calibration, as they are."""

    threshold: float
    calibration: Calibration | None = None

    def fair(self, p: Floats, kind: str, route: str) -> Floats:
        """The chance that each candidate is true."""
        curve = _curve(self.calibration.values, kind, route) if self.calibration else None
        return curve.at(p) if curve else p

    def nothing(self, p: Floats, kind: str, route: str) -> float:
        """The chance that the item states no value at all, given its candidates' raw probabilities."""
        if self.calibration is None:
            return 1.0 - float(p.max()) if len(p) else 1.0
        if not len(p):
            rates = self.calibration.no_candidate
            return rates.get(kind, rates[ANY_KIND])
        curve = _curve(self.calibration.nothing, kind, route)
        return float(curve.at(p.max())) if curve else 1.0 - float(self.fair(p, kind, route).max())


def operating_point(
    calibration: Calibration | None, ranker_threshold: float, precision: float
) -> OperatingPoint:
    """The operating point of a wanted precision; 0: that of the best F1.

    Errors: CalibrationError where the precision was not reached out of fold, or nothing is calibrated.
    """
    if not precision:
        return OperatingPoint(calibration.threshold if calibration else ranker_threshold, calibration)
    if calibration is None:
        raise CalibrationError(
            f"precision {precision:g} needs a calibrated model: fit one with `python -m jobs.fit_calibration`"
        )
    enough = [point for point in calibration.points if point.precision >= precision]
    if not enough:
        best = max((point.precision for point in calibration.points), default=0.0)
        raise CalibrationError(
            f"precision {precision:g} was not reached when {calibration.version} was fitted, at most {best:g}: ask for less"
        )
    return OperatingPoint(min(enough, key=lambda point: point.precision).threshold, calibration)


def load_calibration(folder: Path | str, ranker_version: str) -> Calibration:
    """Read the calibration of a ranker. Errors: CalibrationError when it is missing, damaged or another ranker's."""
    path = Path(folder) / FILE
    try:
        stated = json.loads(path.read_text("utf-8"))
        if stated.pop("format") != FORMAT:
            raise ValueError("made by another release of this program")
        found = Calibration(
            **(
                stated
                | {name: _read_curves(stated[name]) for name in ("values", "nothing")}
                | {"points": tuple(Point(**point) for point in stated["points"])}
            )
        )
        found.no_candidate[ANY_KIND]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CalibrationError(
            f"{path} is no whole calibration: restore it or fit one with `python -m jobs.fit_calibration`: {error!r}"
        ) from error
    if found.ranker != ranker_version:
        raise CalibrationError(
            f"{path} was fitted for ranker {found.ranker}, here is ranker {ranker_version}: "
            "fit it again with `python -m jobs.fit_calibration`"
        )
    return found


def calibration_text(found: Calibration) -> str:
    """A calibration as the text of its file."""
    return json.dumps({"format": FORMAT} | asdict(found), indent=1) + "\n"


def _curve(curves: Curves, kind: str, route: str) -> Curve | None:
    """The curve of a route and kind. What both stages say together means what the ranker's probability means."""
    of_route = curves.get(route) or (curves.get(RANKER, {}) if route == BOTH else {})
    return of_route.get(kind, of_route.get(ANY_KIND))


def _read_curves(stated: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> Curves:
    return {
        route: {kind: _read_curve(curve) for kind, curve in of_route.items()}
        for route, of_route in stated.items()
    }


def _read_curve(stated: Mapping[str, Sequence[float]]) -> Curve:
    raw, fair = tuple(map(float, stated["raw"])), tuple(map(float, stated["fair"]))
    in_range = all(0.0 <= value <= 1.0 for value in (*raw, *fair))
    if len(raw) != len(fair) or len(raw) < 2 or list(raw) != sorted(set(raw)) or not in_range:
        raise ValueError("a curve's knots do not grow from 0 to 1")
    return Curve(raw, fair)
