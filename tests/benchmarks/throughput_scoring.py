"""The figures of `make bench-throughput` from its runs: speedups against naive on the same items, and F1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.apps.scoring import Score, judge
from pipelines.library.answers import ItemAnswers
from tests.benchmarks.throughput_plan import Gold

Runs = Mapping[str, Mapping[str, Any]]
SINGLES = "_family_1"
SECOND = "second_run_"
CALLS = "calls_unchanged", "calls_one_percent"


def f1_of(answers: Sequence[ItemAnswers], gold: Gold) -> float:
    """Micro F1 over all labelled pairs."""
    score = Score()
    for item in answers:
        said = {answer.key_id: answer.values for answer in item.answers}
        for key_id, values in gold[item.item_id].items():
            score = score.plus(judge(values, said.get(key_id, ())))
    return score.f1


def figures_of(runs: Runs) -> dict[str, float]:
    """Every figure that the runs tell; what did not run is left out."""
    return speedups(runs) | quality(runs) | repeated_calls(runs)


def speedups(runs: Runs) -> dict[str, float]:
    """Pairs a second against naive on the same items; `model_speedup_*` compares the model server's own seconds alone.

    The latter does not depend on how busy the machine of the bench is.
    """
    found: dict[str, float] = {}
    for name, run in runs.items():
        base = runs.get("naive" + (SINGLES if name.endswith(SINGLES) else ""))
        if base is None or name.startswith((SECOND, "naive")):
            continue
        found[f"speedup_{name}"] = round(run["pairs_per_s"] / base["pairs_per_s"], 2)
        if run.get("model_seconds"):
            found[f"model_speedup_{name}"] = round(base["model_seconds"] / run["model_seconds"], 2)
    return found


def quality(runs: Runs) -> dict[str, float]:
    """F1 by variant, and the points of it that each loses against naive on the same items."""
    found = {f"f1_{name}": run["f1"] for name, run in runs.items() if not name.startswith(SECOND)}
    for name, run in runs.items():
        base = runs.get("naive" + (SINGLES if name.endswith(SINGLES) else ""))
        if base is not None and not name.startswith((SECOND, "naive")):
            found[f"f1_points_lost_{name}"] = round(100 * (base["f1"] - run["f1"]), 2)
    return found


def repeated_calls(runs: Runs) -> dict[str, float]:
    """Model calls of the second runs: of one in which nothing changed, and the share of the first run's where one percent did.

    The latter is the mean of runs in which other items changed: so few of them need much or little by chance.
    """
    first = runs.get("paper_parts")
    if first is None:
        return {}
    found: dict[str, float] = {}
    if (again := runs.get(f"{SECOND}{CALLS[0]}")) is not None:
        found[CALLS[0]] = again["model_calls"]
    changed = [run["model_calls"] for name, run in runs.items() if name.startswith(f"{SECOND}{CALLS[1]}")]
    if changed:
        found[CALLS[1]] = round(sum(changed) / len(changed) / max(1, first["model_calls"]), 5)
    return found
