"""The course of an encoder's training as a picture: its loss, and how the watched items find their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure


def draw_training(notes: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw notes by step ("loss", "recall", "recall_implied", "reciprocal_rank") into a PNG file."""
    matplotlib.use("Agg")
    figure = Figure(figsize=(9, 4), layout="constrained")
    loss, recall = figure.subplots(1, 2)
    loss.plot(*_line(notes, "loss"), color="#c30", linewidth=1.2)
    loss.set(xlabel="step", ylabel="InfoNCE (nats)", ylim=(0, None), title="Encoder, loss")
    for name, label in (
        ("recall", "recall@10"),
        ("recall_implied", "recall@10, implied"),
        ("reciprocal_rank", "reciprocal rank"),
    ):
        recall.plot(*_line(notes, name), marker="o", markersize=3, label=label)
    recall.set(xlabel="step", ylim=(None, 1), title="Watched items (not trained on), similarity alone")
    recall.legend()
    for axes in (loss, recall):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def _line(notes: Sequence[Mapping[str, float]], name: str) -> tuple[list[float], list[float]]:
    found = [(note["step"], note[name]) for note in notes if name in note]
    return [step for step, _ in found], [value for _, value in found]
