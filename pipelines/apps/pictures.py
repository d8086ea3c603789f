"""Pictures of reports: SVG by matplotlib, embedded in the page. Names in any script are the page's to set."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

BLUE, GREY, ORANGE, LINE = "#2f6fb5", "#9aa7b4", "#d9822b", "#e1e7ee"
_STYLE: dict[Any, Any] = {
    "font.size": 11,
    "axes.edgecolor": "#9aa7b4",
    "axes.labelcolor": "#5b6b7b",
    "xtick.color": "#5b6b7b",
    "ytick.color": "#5b6b7b",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "item center",  # the same figures give the same file
}


def line_picture(x: Sequence[float], y: Sequence[float], x_label: str, y_label: str) -> str:
    """A line over its filled area; returns a data URI."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(x_label, y_label)
        axes.plot(x, y, color=BLUE, linewidth=2)
        axes.fill_between(x, y, color=BLUE, alpha=0.12)
        axes.set_ylim(bottom=0)
        return _data_uri(figure)


def histogram_picture(counts: Sequence[int], x_label: str, y_label: str) -> str:
    """Counts in equal bins of 0 to 1; returns a data URI."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(x_label, y_label)
        width = 1 / max(1, len(counts))
        axes.bar(
            [(place + 0.5) * width for place in range(len(counts))], counts, width=width * 0.9, color=BLUE
        )
        axes.set_xlim(0, 1)
        return _data_uri(figure)


def bar_picture(names: Sequence[str], amounts: Sequence[float], x_label: str) -> str:
    """Horizontal bars with their amounts, the first on top; returns a data URI."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure(x_label, "", height=max(1.6, 0.9 + 0.32 * len(names)))
        drawn = axes.barh(range(len(names)), amounts, color=BLUE, height=0.66)
        axes.bar_label(drawn, labels=[f"{amount:,.1f}" for amount in amounts], padding=4, color="#5b6b7b")
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.margins(x=0.16)
        axes.grid(axis="y", visible=False)
        return _data_uri(figure)


def precision_recall_picture(
    recall: Sequence[float], precision: Sequence[float], at: tuple[float, float]
) -> str:
    """Precision over recall, with the point that is in use (recall, precision); returns a data URI."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure("recall", "precision")
        axes.step(recall, precision, where="post", color=BLUE, linewidth=2)
        axes.plot([at[0]], [at[1]], "o", color=ORANGE, markersize=8, label="all answers", linestyle="none")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False, loc="lower left")
        return _data_uri(figure)


def reliability_picture(
    confidence: Sequence[float], share_right: Sequence[float], sizes: Sequence[int]
) -> str:
    """Share of right answers over confidence, a dot a bin, as large as the bin; returns a data URI."""
    with matplotlib.rc_context(_STYLE):
        figure, axes = _figure("confidence", "share that is right")
        largest = max(sizes, default=1)
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfectly calibrated")
        axes.plot(confidence, share_right, color=BLUE, linewidth=1.2)
        axes.scatter(confidence, share_right, s=[20 + 180 * size / largest for size in sizes], color=BLUE)
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.05)
        axes.legend(frameon=False, loc="upper left")
        return _data_uri(figure)


def _figure(x_label: str, y_label: str, height: float = 3.0) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _data_uri(figure: Figure) -> str:
    target = io.BytesIO()
    FigureCanvasSVG(figure)
    figure.savefig(target, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(target.getvalue()).decode("ascii")
