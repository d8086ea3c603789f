"""The file of the benchmark of the tunnel: build/bench/tunnel.json, brought up to date part by part, and its table."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.parts import BENCH, facts

TUNNEL = BENCH / "tunnel.json"
WINDOW = "nearline_window_s"
NEARLINE_BEYOND_WINDOW_S = 30.0


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that must be reached. `sign`: how it is compared with `limit`; "" where it is only to be told."""

    name: str
    sign: str = ""
    limit: float = 0.0
    beyond: str = ""
    """Another figure that is added to the limit."""
    is_sure: bool = True
    """Whether every run tells it: one in which no model had to answer has no time of it."""


SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "=": operator.eq,
}
FIGURES: Mapping[str, tuple[Figure, ...]] = {
    "latency": (
        Figure("realtime_p50_s", "<=", 1.0),
        Figure("realtime_p99_pruned_s", "<=", 2.0),
        Figure("realtime_p99_model_s", "<=", 6.0, is_sure=False),
        Figure("realtime_model_own_p99_s", is_sure=False),
        Figure("realtime_unanswered", "=", 0),
    ),
    "nearline": (
        Figure("nearline_p99_s", "<=", NEARLINE_BEYOND_WINDOW_S, WINDOW),
        Figure("nearline_calls_per_event"),
        Figure("nearline_unanswered", "=", 0),
    ),
    "hudi": (Figure("hudi_p99_s", "<=", 30.0), Figure("hudi_rows_per_s", ">=", 990.0)),
    "lookup": (Figure("lookup_items_per_s", ">=", 5_000.0), Figure("lookup_p99_ms", "<=", 10.0)),
    "commits": (Figure("commit_ratio_large_small", "<=", 1.5),),
    "histories": (
        Figure("histories_rule", ">=", 300),
        Figure("histories_stack", ">=", 20),
        Figure("divergent", "=", 0),
    ),
    "bad": (
        Figure("bad_sent", "=", 1_000),
        Figure("bad_dead_lettered", "=", 1_000),
        Figure("good_right", "=", 10_000),
    ),
    "chaos": (
        Figure("chaos_lost", "=", 0),
        Figure("chaos_wrong", "=", 0),
        Figure("chaos_recovery_s", "<=", 120.0),
    ),
}
"""By part; the parts in the order in which they run."""


def read(path: Path = TUNNEL) -> dict[str, Any]:
    """What the file has so far."""
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {"parts": {}}


def update(part: str, figures: Mapping[str, Any], stated: Mapping[str, Any], path: Path = TUNNEL) -> None:
    """Put the figures of a part in place of its earlier ones; `stated`: under which conditions they were taken.

    Errors: KeyError naming a figure of the part that is missing.
    """
    missing = [one.name for one in FIGURES[part] if one.is_sure and one.name not in figures]
    if missing:
        raise KeyError(f"part {part} did not tell {', '.join(missing)}")
    _write(part, figures, {**stated, **facts(), "figures": sorted(figures)}, path)


def failed(part: str, error: str, stated: Mapping[str, Any], path: Path = TUNNEL) -> None:
    """Note that a part could not be measured; its earlier figures go."""
    _write(part, {}, {**stated, **facts(), "figures": [], "failed": error}, path)


def _write(part: str, figures: Mapping[str, Any], about: Mapping[str, Any], path: Path) -> None:
    found = read(path)
    for name in found["parts"].get(part, {}).get("figures", ()):
        found.pop(name, None)
    parts = found.pop("parts") | {part: dict(about)}
    for fact in ("machine", "versions"):
        found[fact] = parts[part].pop(fact)
    found |= {"date": about["date"], **figures, "parts": parts}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
    partial.replace(path)


def table(found: Mapping[str, Any]) -> str:
    """Figure, what it must be, and whether it is reached, one line each.

    >>> print(table({"divergent": 0, "parts": {}}).splitlines()[-8].rstrip())
    divergent                            0  = 0         yes
    """
    lines = [f"{'figure':28} {'measured':>9}  {'must':9} reached"]
    for figures in FIGURES.values():
        for one in figures:
            lines.append(
                f"{one.name:28} {_shown(found.get(one.name)):>9}  {_must(one, found):9} {reached(one, found)}"
            )
    for part, about in found["parts"].items():
        if "failed" in about:
            lines.append(f"{part}: not measured: {about['failed']}")
    return "\n".join(lines)


def reached(one: Figure, found: Mapping[str, Any]) -> str:
    """yes, no, or why neither."""
    value = found.get(one.name)
    if value is None:
        return "not measured"
    if not one.sign:
        return "told"
    return "yes" if SIGNS[one.sign](float(value), _limit(one, found)) else "no"


def _limit(one: Figure, found: Mapping[str, Any]) -> float:
    return one.limit + (float(found.get(one.beyond, math.nan)) if one.beyond else 0.0)


def _must(one: Figure, found: Mapping[str, Any]) -> str:
    return f"{one.sign} {_limit(one, found):,g}" if one.sign else "-"


def _shown(value: Any) -> str:
    return "-" if value is None else f"{value:,g}" if isinstance(value, int | float) else str(value)
