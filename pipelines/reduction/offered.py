"""Which candidates of an open pair are worth reading: of up to ten, those that the ranker gives any chance (load reduction, ours).

A candidate costs a handful of tokens in each prompt, and search fills all places whether or not there is anything to offer. On the
held-out fifths of four sets 3.0 to 5.7 of 5.4 to 10 candidates are left, among them .995 of the right values (pipelines/reduction/README.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines.library.open_pairs import OpenPair

AT_LEAST = 3
"""Offered whatever their chances: where the ranker is wrong, it is most often about the first few."""


def worth_offering(opened: Sequence[OpenPair], least: float) -> list[OpenPair]:
    """The pairs with the candidates whose probability is `least` or more, and the likeliest three in any case."""
    return [_with(pair, max(AT_LEAST, int((pair.probabilities >= least).sum()))) for pair in opened]


def _with(pair: OpenPair, count: int) -> OpenPair:
    """The likeliest so many of a pair's candidates: they are in order of their probability."""
    if count >= len(pair.offered):
        return pair
    return replace(pair, offered=pair.offered[:count], probabilities=np.asarray(pair.probabilities[:count]))
