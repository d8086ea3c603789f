"""How one answer is judged against gold, and how judgements add up (interchange scoring)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from udfs.text import fold

RIGHT, WRONG, INVENTED, MISSED, TOO_MANY, TOO_FEW, MIXED = (
    "right",
    "wrong value",
    "not in the item",
    "missed",
    "too many",
    "too few",
    "partly wrong",
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One pair: its values that are right, wrong, and not found, folded."""

    right: frozenset[str]
    wrong: frozenset[str]
    not_found: frozenset[str]

    @property
    def kind(self) -> str:
        """The kind of error, or `RIGHT`."""
        if not self.wrong:
            if not self.not_found:
                return RIGHT
            return TOO_FEW if self.right else MISSED
        if self.right:
            return MIXED if self.not_found else TOO_MANY
        return WRONG if self.not_found else INVENTED


@dataclass(frozen=True, slots=True)
class Score:
    """Micro precision, recall and F1; 0 where nothing was predicted, or nothing was true."""

    pairs: int = 0
    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    @property
    def precision(self) -> float:
        """Share of the predicted values that are true."""
        return self.true_positives / max(1, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Share of the true values that are predicted."""
        return self.true_positives / max(1, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return (
            2
            * self.true_positives
            / max(1, 2 * self.true_positives + self.false_positives + self.false_negatives)
        )

    def plus(self, found: Judgement) -> Score:
        """The score with one pair more."""
        return Score(
            self.pairs + 1,
            self.true_positives + len(found.right),
            self.false_positives + len(found.wrong),
            self.false_negatives + len(found.not_found),
        )


def judge(gold: Iterable[str], predicted: Iterable[str]) -> Judgement:
    """Compare the values of one pair, without regard to case and white space.

    >>> judge(["Black", "Dark  Red"], ["dark red", "blue"]).kind
    'partly wrong'
    """
    true, said = frozenset(map(fold, gold)), frozenset(map(fold, predicted))
    return Judgement(true & said, said - true, true - said)
