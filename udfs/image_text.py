"""Words read at places of an image, put into reading order: rows from top to bottom, each from left to right."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from schemas.image import TextBox

MAX_CHARS = 4_000
MIN_SCORE = 0.6
SAME_ROW = 0.5
"""How much of the lower of two boxes must stand beside the other for both to be one row."""


def text_of(boxes: Sequence[TextBox], min_score: float = MIN_SCORE, max_chars: int = MAX_CHARS) -> str:
    r"""The text of an image, one row a line; boxes that the reader was not sure of are left out.

    >>> text_of([TextBox("220 V", .9, 90, 11, 130, 20), TextBox("Voltage", .9, 5, 10, 60, 20), TextBox("x", .1, 0, 0, 1, 1)])
    'Voltage 220 V'
    """
    kept = [box for box in boxes if box.score >= min_score and _plain(box.text)]
    lines = (" ".join(_plain(box.text) for box in row) for row in _rows(kept))
    return "\n".join(lines)[:max_chars]


def _rows(boxes: Sequence[TextBox]) -> list[list[TextBox]]:
    """Boxes by row. A box joins the row whose first box it stands beside; equal places keep a fixed order."""
    rows: list[list[TextBox]] = []
    for box in sorted(boxes, key=lambda found: (found.top, found.left, found.text)):
        row = next((row for row in reversed(rows) if _beside(row[0], box)), None)
        if row is None:
            rows.append([box])
        else:
            row.append(box)
    return [sorted(row, key=lambda found: (found.left, found.text)) for row in rows]


def _beside(one: TextBox, other: TextBox) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    apart = other.left >= one.right or one.left >= other.right
    return apart and shared >= SAME_ROW * min(one.bottom - one.top, other.bottom - other.top)


def _plain(text: str) -> str:
    """The text on one line, without characters that a listing may not hold."""
    visible = (" " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in text)
    return " ".join("".join(visible).split())
