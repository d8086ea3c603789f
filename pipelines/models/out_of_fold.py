"""What a ranker says of pairs that it did not learn from, with the truth beside it: what cascade and calibration are fitted on.

Two files: the probabilities alone (`out_of_fold.json`, item -> key -> one number a candidate), and the truth
(`out_of_fold_labels.json`, item -> key -> which candidates are true and how many values gold has).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.library.ranker import Floats
from pipelines.models.examples import AS_NEW
from pipelines.models.ranker_data import RankerRows


class NoOutOfFold(RuntimeError):
    """The files are missing or do not fit each other. The message says what to do."""


@dataclass(frozen=True, slots=True)
class PairTruth:
    """One labelled pair: raw probability of each candidate, the gold value that it is (-1: none), and gold's size."""

    item_id: str
    key_id: str
    family: str
    p: tuple[float, ...]
    is_value: tuple[int, ...]
    gold: int


def write_out_of_fold(path: Path, rows: RankerRows, probabilities: Floats) -> None:
    """Write both files, without items shown once more as new: there are more of those than there will be.

    Shapes: one probability a candidate of `rows`, in order.
    """
    ends = np.cumsum([len(pair.candidates) for pair in rows.pairs])[:-1]
    found: dict[str, dict[str, list[float]]] = defaultdict(dict)
    truth: dict[str, dict[str, Any]] = defaultdict(dict)
    parts = np.split(probabilities, ends)
    for number, part in enumerate(parts):
        item, key, gold = rows.items[number], rows.keys[number], sorted(rows.gold[number])
        if item.endswith(AS_NEW):
            continue
        places = {value: place for place, value in enumerate(gold)}
        matches = [places.get(candidate.folded, -1) for candidate in rows.pairs[number].candidates]
        found[item][key] = [round(float(p), 5) for p in part]
        truth[item][key] = {
            "family": rows.families[number],
            "true": {str(place): value for place, value in enumerate(matches) if value >= 0},
            "gold": len(gold),
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found), "utf-8")
    labels_file(path).write_text(json.dumps(truth), "utf-8")


def read_out_of_fold(path: Path) -> list[PairTruth]:
    """All labelled pairs. Errors: NoOutOfFold."""
    try:
        found = json.loads(path.read_text("utf-8"))
        truth = json.loads(labels_file(path).read_text("utf-8"))
        return [
            _pair(item, key, p, truth[item][key]) for item, keys in found.items() for key, p in keys.items()
        ]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise NoOutOfFold(
            f"{path} and {labels_file(path).name} are no whole out-of-fold figures: "
            f"train the ranker again with `python -m jobs.train_ranker`: {error!r}"
        ) from error


def labels_file(path: Path) -> Path:
    """Where the truth lies."""
    return path.with_name(f"{path.stem}_labels.json")


def _pair(item: str, key: str, p: list[float], truth: dict[str, Any]) -> PairTruth:
    is_value = [-1] * len(p)
    for place, value in truth["true"].items():
        is_value[int(place)] = int(value)
    return PairTruth(item, key, str(truth["family"]), tuple(p), tuple(is_value), int(truth["gold"]))
