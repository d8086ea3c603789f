"""Reads what was measured for a forecast: the file of `make bench-throughput`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.reduction.forecast import Measured

DEFAULT = Path(__file__).resolve().parents[1] / "build" / "bench" / "throughput.json"
CHANGED = "second_run_calls_one_percent"
ALONE = "_family_1"
"""Of the variant's name: the run over items without siblings."""


class NothingMeasured(RuntimeError):
    """There is no bench file, or not with the runs that a forecast needs. The message says what to do."""


def read_measured(path: Path, variant: str) -> Measured:
    """The figures of one variant of the bench. Errors: NothingMeasured."""
    try:
        report = json.loads(path.read_text("utf-8"))
        return _measured(report, variant, path)
    except FileNotFoundError as error:
        raise NothingMeasured(f"{path}: nothing was measured yet; run make bench-throughput") from error
    except (KeyError, TypeError, ValueError) as error:
        raise NothingMeasured(
            f"{path}: not a bench of all variants with {variant!r} among them ({error}); run make bench-throughput"
        ) from error


def _measured(report: Mapping[str, Any], variant: str, path: Path) -> Measured:
    run, changed = report["runs"][variant], report["runs"][CHANGED]
    alone = report["runs"].get(variant + ALONE, run)
    items = report["items"]["families"] * report["items"]["family_size"]
    # Of the second run's pairs all but the unchanged ones are those of changed items.
    touched = changed["pairs"] - changed["pairs_by"].get("unchanged", 0)
    left = touched - changed["pairs_by"].get("moved", 0)
    return Measured(
        pairs_an_item=run["pairs"] / items,
        triples_an_item=run["triples"] / items,
        pairs_a_second=run["pairs_per_s"],
        left_after_change=left / touched if touched else 0.0,
        source=f"{path.name}, run {variant!r}",
        is_stub=bool(report["is_stub_model"]),
        changed_pairs_a_second=alone["pairs_per_s"],
    )
