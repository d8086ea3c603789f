"""The timeline of a flow as a picture: chunk by chunk who works, and who waits before which stage (L6)."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.reduction.flow import Span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"encode": "#4878a8", "search": "#d8913c", "discriminate": "#5a9a5a"}
OTHER, WAITS = "#777777", "#dddddd"


def draw_timeline(spans: Sequence[Span], path: Path, title: str) -> None:
    """Write a PNG: a line a chunk, in colour where it works, grey where it waits. Errors: ValueError for no spans, OSError."""
    figure = _drawn(spans, title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, format="png")


def timeline_uri(spans: Sequence[Span]) -> str:
    """The same as an SVG in a data URI, for a page. Errors: ValueError for no spans."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "item center"}):
        figure = _drawn(spans, "")
        content = io.BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def _drawn(spans: Sequence[Span], title: str) -> Figure:
    from matplotlib.figure import Figure as Drawing  # a second to load, and only who draws needs it
    from matplotlib.patches import Patch

    if not spans:
        raise ValueError("no spans: nothing ran")
    start_s = min(span.came_s for span in spans)
    chunks = sorted({span.chunk for span in spans})
    figure = Drawing(figsize=(10, 1.5 + 0.22 * len(chunks)))
    axes = figure.subplots()
    for span in spans:
        line = chunks.index(span.chunk)
        axes.barh(line, span.began_s - span.came_s, left=span.came_s - start_s, height=0.8, color=WAITS)
        colour = COLOURS.get(span.stage, OTHER)
        axes.barh(line, span.ended_s - span.began_s, left=span.began_s - start_s, height=0.8, color=colour)
    axes.set(xlabel="seconds", ylabel="chunk", title=title)
    axes.invert_yaxis()
    stages = dict.fromkeys(span.stage for span in spans)
    keys = [Patch(color=COLOURS.get(name, OTHER), label=name) for name in stages]
    axes.legend(
        handles=[*keys, Patch(color=WAITS, label="waits for the stage")],
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        fontsize=8,
    )
    figure.tight_layout()
    return figure
