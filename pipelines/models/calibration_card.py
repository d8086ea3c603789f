"""The model card of a calibration: what was tried, what was chosen, and what each operating point is worth."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.library.calibration import Calibration
from pipelines.models.calibration import Choice, Fitted

SHOWN_POINTS = (0.80, 0.85, 0.90, 0.92, 0.94, 0.95, 0.96, 0.98)


def calibration_card(found: Calibration, values: Fitted, nothing: Fitted) -> str:
    """The card in markdown."""
    sets, pairs = ", ".join(found.about["sets"]), found.about["pairs"]
    lines = [
        f"# Calibration {found.version} of ranker {found.ranker}",
        "",
        f"Fitted on out-of-fold probabilities of {pairs:,} labelled pairs of {sets}; every figure here is of product",
        "families that the curve was not fitted on. Apache-2.0, as the project; it holds no text of the sets.",
        "",
        "## The chance of a stated value",
        "",
        *_table(values.choices, values.chosen),
        "",
        '## The chance that nothing is stated ("not stated")',
        "",
        *_table(nothing.choices, nothing.chosen),
        "",
        f"Without any candidate: {', '.join(_rate(kind, rate) for kind, rate in found.no_candidate.items())}.",
        "",
        "![reliability before and after, on families not fitted on](reliability.png)",
        "",
        "## Operating points",
        "",
        f"Default: values from {found.threshold:.3f} on, the best F1. `--precision P` takes the lowest threshold that kept P:",
        "",
        "| precision wanted | threshold | recall, all sets together |",
        "|---|---|---|",
        *(
            f"| {point.precision:.2f} | {point.threshold:.3f} | {point.recall:.3f} |"
            for point in found.points
            if point.precision in SHOWN_POINTS
        ),
        "",
        "Routes with curves of their own: " + ", ".join(found.values) + ".",
        "",
    ]
    return "\n".join(lines)


def _table(choices: Sequence[Choice], chosen: Choice) -> list[str]:
    recalls = sorted(chosen.recall_at)
    head = ["curve", "log loss", "ECE (15 equal-width bins)", *(f"recall at P {at:.2f}" for at in recalls)]
    rows = [
        [
            f"{choice.method}{', per kind' if choice.per_kind else ''}{' (chosen)' if choice is chosen else ''}",
            f"{choice.log_loss:.4f}",
            f"{choice.ece:.4f}",
            *(f"{choice.recall_at[at]:.3f}" if at in choice.recall_at else "-" for at in recalls),
        ]
        for choice in choices
    ]
    return [_row(head), "|" + "---|" * len(head), *map(_row, rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rate(kind: str, rate: float) -> str:
    return f"{rate:.3f}{f' ({kind})' if kind else ''}"
