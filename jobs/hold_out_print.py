"""What models lose on held-out entries, for the terminal and as figures."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.models.hold_out_measure import Loss

SEEN, COUNTLESS, BLIND = "seen", "seen, without counts", "blind"
EVERY_SET = "all sets"


def figures(lost: Mapping[str, Mapping[str, Sequence[Loss]]]) -> dict[str, Any]:
    """The figures of all sets together by name, and those of each set. Units: `_lost_points` of 100, others shares."""
    found: dict[str, Any] = {}
    for of_counts, one in zip(lost[EVERY_SET][COUNTLESS], lost[EVERY_SET][BLIND], strict=True):
        name = one.part.replace(" ", "_")
        found |= {
            f"{name}_gold": one.gold,
            f"{name}_f1_seen": round(one.seen, 4),
            f"{name}_f1_blind": round(one.blind, 4),
            f"{name}_lost_points": round(one.points, 2),
            f"{name}_lost_points_95": [round(one.low, 2), round(one.high, 2)],
            f"{name}_lost_points_by_counts": round(of_counts.points, 2),
        }
    return found | {
        "sets": {name: {one: list(map(asdict, of)) for one, of in by.items()} for name, by in lost.items()}
    }


def print_losses(lost: Mapping[str, Mapping[str, Sequence[Loss]]]) -> None:
    """Print a row a set and part."""
    columns = ("held out", "values in gold", "F1 seen", "F1 blind", "points lost (95 %)", "by counts alone")
    table = Table("set", *columns, box=None, pad_edge=False)
    for name, sides in lost.items():
        for counts, one in zip(sides[COUNTLESS], sides[BLIND], strict=True):
            interval = f"{one.points:+.1f} ({one.low:+.1f} to {one.high:+.1f})"
            numbers = (
                f"{one.gold:,}",
                f"{one.seen:.3f}",
                f"{one.blind:.3f}",
                interval,
                f"{counts.points:+.1f}",
            )
            table.add_row(name, one.part, *numbers)
        table.add_section()
    Console(highlight=False, width=120).print(table)


def facts() -> dict[str, Any]:
    """When and where this was measured."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": [round(load, 2) for load in os.getloadavg()],
        "machine": {"cores": len(os.sched_getaffinity(0)), "system": platform.platform(terse=True)},
        "versions": {"python": platform.python_version()},
    }
