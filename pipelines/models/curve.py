"""The loss curve of a training as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

SMOOTHED_OVER = 8


def draw_curve(
    points: Sequence[tuple[int, float]], path: Path, title: str = "Supervised fine-tuning"
) -> None:
    """Draw (items, loss a reply token) and its running mean into a PNG file."""
    matplotlib.use("Agg")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    items, losses = [n for n, _ in points], [loss for _, loss in points]
    axes.plot(items, losses, color="#9ab", linewidth=1, label="since the report before")
    axes.plot(items, _smoothed(losses), color="#c30", linewidth=2, label=f"mean of {SMOOTHED_OVER}")
    axes.set(
        xlabel="items trained on",
        ylabel="loss a reply token (nats)",
        ylim=(0, None),
        title=title,
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def _smoothed(losses: Sequence[float]) -> list[float]:
    windows = [losses[max(0, end - SMOOTHED_OVER) : end] for end in range(1, len(losses) + 1)]
    return [sum(window) / len(window) for window in windows]
