"""Reliability before and after calibration, as a picture for the model card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipelines.models.calibration import Bools, Doubles, Fitted, Samples

BINS = 15
LEAST = 10
"""A bin of fewer samples says nothing."""


def reliability_points(chances: Doubles, right: Bools) -> tuple[list[float], list[float]]:
    """Mean chance and share right of each bin of equal width that has enough samples."""
    places = np.minimum((chances * BINS).astype(np.int64), BINS - 1)
    kept = [place for place in range(BINS) if int((places == place).sum()) >= LEAST]
    return (
        [float(chances[places == place].mean()) for place in kept],
        [float(right[places == place].mean()) for place in kept],
    )


def draw_reliability(path: Path, values: tuple[Samples, Fitted], nothing: tuple[Samples, Fitted]) -> None:
    """Write the picture: one panel for stated values, one for "not stated"; chances are of families not fitted on."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2)
    samples, fitted = values
    _panel(panels[0], "stated values", samples.p, fitted, samples.right)
    samples, fitted = nothing
    _panel(panels[1], '"not stated"', 1 - samples.p, fitted, samples.right)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _panel(axes: Axes, name: str, raw: Doubles, fitted: Fitted, right: Bools) -> None:
    axes.plot([0, 1], [0, 1], color="#9aa7b4", linestyle="--", linewidth=1)
    for label, chances, colour in (("raw", raw, "#d9822b"), ("calibrated", fitted.cross_fitted, "#2f6fb5")):
        x, y = reliability_points(chances, right)
        axes.plot(x, y, "o-", color=colour, label=label, linewidth=1.4, markersize=4)
    axes.set(title=name, xlabel="confidence", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(frameon=False, loc="upper left")
