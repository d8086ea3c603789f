"""Candidates of training questions: what recognition itself would offer, and wrong values that are hard to tell from right."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence, Set

from pipelines.library.candidates import Candidate, ItemText, candidates
from pipelines.library.keys import CategoryView, KeyView
from udfs.document import Document
from udfs.prompts import MAX_CANDIDATES, SHARED_TOKENS, candidate_text, shown
from udfs.text import fold

PHRASE_HARDNESS = 0.3
"""Any phrase of the text teaches less than known values and computed ones, and there are many."""


def offers(
    item: ItemText,
    view: CategoryView,
    own: Sequence[Mapping[str, int]],
    similar: Sequence[Mapping[int, float]] = (),
) -> list[list[Candidate]]:
    """What recognition would offer for each key, from the part of the text that a prompt shows.

    `similar` holds, per key, what the encoder's search finds (`pipelines.library.pairs.similar_values`); without it, words
    and extraction alone are searched. `own`: per key, the item's own labels, which the ontology must not know.
    """
    visible = len(shown(item.document.text, SHARED_TOKENS))
    found = candidates(item, view, similar or [{} for _ in view.keys], own)
    return [
        [c for c in pool if c.position >= 0 or any(end <= visible for _, end in c.spans)] for pool in found
    ]


def shown_candidate(candidate: Candidate, text: Document) -> str:
    """A candidate as recognition shows it to the model."""
    words = text.text[slice(*candidate.spans[0])] if candidate.spans else ""
    return candidate_text(candidate.value, words)


def shortlist(offered: Sequence[Candidate], most: int = MAX_CANDIDATES) -> list[Candidate]:
    """The likeliest without a ranker: found in the text before searched, computed and known before any phrase."""

    def order(c: Candidate) -> tuple[bool, bool, bool, float, int]:
        return not c.spans, c.sources == {"phrase"}, c.position < 0, -c.similarity, -c.frequency

    return sorted(offered, key=order)[:most]


def hard_negatives(
    key: KeyView,
    true: Set[str],
    offered: Sequence[Candidate],
    own: Mapping[str, int],
    room: int,
    rnd: random.Random,
) -> list[Candidate | str]:
    """Wrong candidates: mostly what text and search suggest but gold does not say, the rest by how common they are."""
    drawn = [(rnd.random() ** (1 / _hardness(c)), c) for c in offered if c.folded not in true]
    hard = [c for _, c in sorted(drawn, key=lambda pair: (-pair[0], pair[1].folded))]
    suggested = hard[: max(1, round(room * rnd.uniform(0.4, 1.0)))]
    wrong: dict[str, Candidate | str] = {c.folded: c for c in suggested}
    known = common_values(key, true, own)
    for _ in range(3 * room):
        if len(wrong) >= room or not known:
            break
        common = rnd.choices([value for value, _ in known], [count**0.5 for _, count in known])[0]
        wrong.setdefault(fold(common), common)
    for c in hard[len(suggested) :]:
        wrong.setdefault(c.folded, c)
    return list(wrong.values())[:room]


def common_values(key: KeyView, true: Set[str], own: Mapping[str, int]) -> list[tuple[str, int]]:
    """Values that other items have, which this one does not, with their counts."""
    known = [
        (value.text, key.frequency(n, own))
        for n, value in enumerate(key.values)
        if fold(value.text) not in true
    ]
    return [(value, count) for value, count in known if count > 0]


def _hardness(candidate: Candidate) -> float:
    return PHRASE_HARDNESS if candidate.sources == {"phrase"} else 1.0
