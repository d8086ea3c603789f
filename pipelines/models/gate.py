"""The release gate (M8): a candidate ships only if it holds what the current version reaches, overall and key by key.

The rules, on the same held-out items answered by both in one run:

1. Micro precision and micro recall each hold: the candidate's is not lower, or lower by at most `most_drop` and by no more
   than noise. Noise is what the choice of items alone does to the current version's figure: half of its `sure` interval
   over resampled product families (bootstrap). The interval of the difference is told beside it (paired bootstrap), but
   does not decide: with the same items on both sides even the least shift of a threshold is no coincidence.
2. Of the keys of which the current version states at least `least_support` values, at most `key_share` lose more than
   `key_drop` of precision. A key of which the candidate states nothing any more counts as lost.
3. There is something to judge by: labelled pairs, and at least one key of rule 2.

Source: paper section 5.5 (0.8 % of attributes lose more than 5 points of precision); the noise rule is ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a candidate must keep to. Shares, not points: 0.05 is 5 points."""

    most_drop: float = 0.005
    sure: float = 0.95
    key_drop: float = 0.05
    key_share: float = 0.008
    least_support: int = 30
    resamples: int = 2_000
    seed: int = 0

    def in_words(self) -> str:
        """The rules as a person reads them."""
        return (
            f"precision and recall may each fall by at most {100 * self.most_drop:.1f} points, and by no more than noise "
            f"(half of the current figure's {100 * self.sure:.0f} % interval over {self.resamples:,} resamplings of product "
            f"families); at most "
            f"{100 * self.key_share:.1f} % of the keys with {self.least_support} or more stated values may lose more than "
            f"{100 * self.key_drop:.0f} points of precision"
        )


@dataclass(frozen=True, slots=True)
class PairResult:
    """How one labelled pair was answered: values that are right, wrong, and not found."""

    set_name: str
    family: str
    key_id: str
    right: int
    wrong: int
    missed: int

    @property
    def place(self) -> tuple[str, str, str]:
        """What it shares with the other version's result."""
        return self.set_name, self.family, self.key_id


@dataclass(frozen=True, slots=True)
class Change:
    """One overall figure before and after, the interval of the difference, and the noise of `before`.

    `holds` is None where the figure is not judged.
    """

    name: str
    before: float
    after: float
    low: float
    high: float
    noise: float
    holds: bool | None


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key's precision before and after, and how many values each version states. `after` is None where it states none."""

    set_name: str
    key_id: str
    before: float
    after: float | None
    stated_before: int
    stated_after: int
    lost: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision and everything it rests on. `reasons` are empty where it passes."""

    passed: bool
    reasons: tuple[str, ...]
    changes: tuple[Change, ...]
    keys: tuple[KeyChange, ...]
    rules: GateRules

    @property
    def lost(self) -> tuple[KeyChange, ...]:
        """The keys that lose more than the rules allow, the worst first."""
        return tuple(key for key in self.keys if key.lost)


def decide(current: Sequence[PairResult], candidate: Sequence[PairResult], rules: GateRules) -> Verdict:
    """Decide about a candidate. Shapes: the same pairs in the same order on both sides.

    Errors: ValueError where the sides are not of the same pairs.
    """
    if [pair.place for pair in current] != [pair.place for pair in candidate]:
        raise ValueError("both versions must have answered the same pairs, in the same order")
    changes = _changes(current, candidate, rules)
    keys = _keys(current, candidate, rules)
    reasons = [
        f"{change.name} falls from {change.before:.4f} to {change.after:.4f} "
        f"(noise {change.noise:.4f}, difference {change.low:+.4f} to {change.high:+.4f})"
        for change in changes
        if change.holds is False
    ]
    lost = sum(key.lost for key in keys)
    if lost > rules.key_share * len(keys):
        reasons.append(
            f"{lost} of {len(keys)} keys ({100 * lost / len(keys):.1f} %) lose more than "
            f"{100 * rules.key_drop:.0f} points of precision; {100 * rules.key_share:.1f} % may"
        )
    if not keys:
        reasons.append(
            f"no key has {rules.least_support} stated values: give larger sets, or a smaller --min-support"
        )
    return Verdict(not reasons, tuple(reasons), changes, keys, rules)


def _changes(
    current: Sequence[PairResult], candidate: Sequence[PairResult], rules: GateRules
) -> tuple[Change, ...]:
    sums = [_by_family(side) for side in (current, candidate)]
    before, after = (_figures(side.sum(axis=0, keepdims=True))[0] for side in sums)
    families = len(sums[0])
    if not families:
        return ()
    generator = np.random.default_rng(rules.seed)
    weights = generator.multinomial(families, np.full(families, 1 / families), rules.resamples)
    drawn = _figures(weights @ sums[0])
    tails = [50 * (1 - rules.sure), 50 * (1 + rules.sure)]
    low, high = np.percentile(_figures(weights @ sums[1]) - drawn, tails, axis=0)
    noise = np.diff(np.percentile(drawn, tails, axis=0), axis=0)[0] / 2
    return tuple(
        Change(
            name,
            float(before[place]),
            float(after[place]),
            float(low[place]),
            float(high[place]),
            float(noise[place]),
            bool(before[place] - after[place] <= min(rules.most_drop, noise[place])) if judged else None,
        )
        for place, (name, judged) in enumerate((("precision", True), ("recall", True), ("F1", False)))
    )


def _by_family(side: Sequence[PairResult]) -> Counts:
    """Right, wrong and missed values of each product family, families in order of name. Shapes: (families, 3)."""
    found: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for pair in side:
        total = found[pair.set_name, pair.family]
        for place, count in enumerate((pair.right, pair.wrong, pair.missed)):
            total[place] += count
    return np.array([found[name] for name in sorted(found)], np.int64).reshape(-1, 3)


def _figures(sums: Counts) -> Doubles:
    """Precision, recall and F1 of each row of (right, wrong, missed). Shapes: (n, 3) in and out."""
    right, wrong, missed = sums[:, 0], sums[:, 1], sums[:, 2]
    return np.stack(
        [
            right / np.maximum(1, right + wrong),
            right / np.maximum(1, right + missed),
            2 * right / np.maximum(1, 2 * right + wrong + missed),
        ],
        axis=1,
    )


def _keys(
    current: Sequence[PairResult], candidate: Sequence[PairResult], rules: GateRules
) -> tuple[KeyChange, ...]:
    """The keys with enough support, the greatest loss first."""
    before, after = _by_key(current), _by_key(candidate)
    found = []
    for (set_name, key_id), (right, stated) in before.items():
        if stated >= rules.least_support:
            new_right, new_stated = after[set_name, key_id]
            precision = new_right / new_stated if new_stated else None
            # Rounded: 0.90 - 0.85 is a little more than 0.05 to a computer.
            lost = precision is None or round(right / stated - precision, 9) > rules.key_drop
            found.append(KeyChange(set_name, key_id, right / stated, precision, stated, new_stated, lost))
    return tuple(sorted(found, key=lambda key: ((key.after or 0.0) - key.before, key.set_name, key.key_id)))


def _by_key(side: Sequence[PairResult]) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Right and stated values of each key of each set."""
    found: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for pair in side:
        right, stated = found[pair.set_name, pair.key_id]
        found[pair.set_name, pair.key_id] = (right + pair.right, stated + pair.right + pair.wrong)
    return found
