"""How much a run of words looks like a value of a key, by the values that the key has already.

Where a value need not be in the ontology, every run of words of the text may be one. Most are cut off here, by what the
first word, the last word and the number of words of the known values are; numbers count as one word, so that
"48 pack" is known by "24 pack".
Source: ours; the paper extracts with a language model (section 4.2.2), which answers too slowly for every pair.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from udfs.tokens import match_form

LONGEST = 8
SHORTEST_REACH = 3
REACH_SHARE = 0.02
UNSEEN = 0.2
_DIGITS = re.compile(r"\d+(?: \d+)*")


def words_of(text: str) -> list[str]:
    """The words of a text by which runs are compared; a number is one word.

    >>> words_of("Pack of 6"), words_of("84 Ct. Box")
    (['pack', 'of', '#'], ['#', 'ct', 'box'])
    """
    return _DIGITS.sub("#", match_form(text)).split()


@dataclass(frozen=True, slots=True)
class PhraseShape:
    """Counts over the values of a key: their first words, their last words, their numbers of words."""

    firsts: Counter[str] = field(default_factory=Counter)
    lasts: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many values were counted."""
        return self.lengths.total()

    @property
    def reach(self) -> int:
        """Up to how many words a run is looked at: all lengths but the rarest few values'."""
        left = REACH_SHARE * self.total
        for length in range(LONGEST, SHORTEST_REACH, -1):
            left -= self.lengths[length]
            if left < 0:
                return length
        return SHORTEST_REACH

    def without(self, own: Mapping[str, int]) -> PhraseShape:
        """The counts as if an item's own values had not been seen (in training only)."""
        if not own:
            return self
        less = shape_of((text, seen) for text, seen in own.items())
        return PhraseShape(self.firsts - less.firsts, self.lasts - less.lasts, self.lengths - less.lengths)

    def likeness(self, words: Sequence[str]) -> float:
        """Log odds, up to a constant, that a run of words is a value; the parts are taken for independent."""
        length = min(len(words), LONGEST)
        return (
            _log_share(self.firsts[words[0]], self.total)
            + _log_share(self.lasts[words[-1]], self.total)
            + _log_share(self.lengths[length], self.total)
        )


def shape_of(values: Iterable[tuple[str, int]]) -> PhraseShape:
    """The shape of values with the number of times that each was seen."""
    shape = PhraseShape()
    for text, seen in values:
        words = words_of(text)
        if words:
            shape.firsts[words[0]] += seen
            shape.lasts[words[-1]] += seen
            shape.lengths[min(len(words), LONGEST)] += seen
    return shape


def _log_share(seen: int, total: int) -> float:
    return math.log((seen + UNSEEN) / (total + 1.0))
