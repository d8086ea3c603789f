"""What scorers say of the items they did not learn from: what the ranker learns to weigh their opinion by."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from pipelines.library.pairs import Floats
from pipelines.models.ranker_data import RankerRows

SCORES = "scores.npz"


class ScoresMismatch(ValueError):
    """Scores that do not cover the ranker's rows: of other sets, or of other candidates."""


def read_scores(trained: Path) -> dict[str, Floats]:
    """Logits of each item's labelled candidates, in order, from all `without-*` runs below a folder.

    What `new-keys-*` runs say of keys that are shown as new comes in place of that: they never learned the key.
    Errors: ScoresMismatch when there is none, two runs left out the same item, or runs are of other candidates.
    """
    found: dict[str, Floats] = {}
    for path in sorted(trained.glob(f"without-*/{SCORES}")):
        whole = _read(path)
        if found.keys() & whole.keys():
            raise ScoresMismatch(f"{path}: its items were left out by another run too: remove one of the two")
        found |= whole
    if not found:
        raise ScoresMismatch(f"no {SCORES} below {trained}: run `jobs.train_scorer train --leave-out`")
    for path in sorted(trained.glob(f"new-keys-*/{SCORES}")):
        for name, logits in _read(path).items():
            if len(found.get(name, ())) != len(logits):
                raise ScoresMismatch(f"{path}: {name} has other candidates elsewhere: train on the same data")
            found[name] = np.where(np.isnan(logits), found[name], logits)
    return found


def _read(path: Path) -> dict[str, Floats]:
    """The logits of one run, by item."""
    with np.load(path) as stored:
        parts = np.split(stored["logits"], stored["ends"][:-1])
        names = [str(name) for name in stored["names"]]
    whole = defaultdict(list)
    for name, part in zip(names, parts, strict=True):  # an item of many keys has several rows
        whole[name].append(part)
    return {name: np.concatenate(of_item).astype(np.float32) for name, of_item in whole.items()}


def attach_scores(rows: RankerRows, scores: dict[str, Floats]) -> None:
    """Give every pair the scorer's opinion of its candidates. Errors: ScoresMismatch."""
    used: dict[str, int] = defaultdict(int)
    for pair, item in zip(rows.pairs, rows.items, strict=True):
        start, wanted = used[item], len(pair.candidates)
        found = scores.get(item, np.zeros(0, np.float32))[start : start + wanted]
        if len(found) < wanted:
            raise ScoresMismatch(
                f"{item}: {len(found)} scores for {wanted} candidates: make data and scores again with these sets"
            )
        pair.scores = found
        used[item] += wanted
    left = next((item for item, end in used.items() if item in scores and end < len(scores[item])), None)
    if left is not None:
        raise ScoresMismatch(
            f"{left}: more scores than candidates: make data and scores again with these sets"
        )
