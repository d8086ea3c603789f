"""Which unchanged items of a family answer for its changed ones: few, as each is encoded once more (B2, L4; ours)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.library.answers import Answer
from pipelines.library.category import CategoryGuess
from pipelines.library.keys import CategoryViews
from pipelines.reduction.difference import Noted, noted
from pipelines.reduction.lend import is_own
from schemas.listing import Listing


@dataclass(frozen=True, slots=True)
class Whole:
    """An item of a call, its place there, its category, and by key place what is known of it."""

    place: int
    listing: Listing
    guess: CategoryGuess
    known: Mapping[int, Answer]

    @property
    def own(self) -> set[int]:
        """Keys that it has answered by its own words."""
        return {place for place, answer in self.known.items() if is_own(answer)}


def few_witnesses(members: Sequence[Whole], asking: Sequence[Whole], views: CategoryViews) -> set[int]:
    """Places of the members to be witnesses: the one with the most answers of its own, and by key that an asking item has left, the
    first that names the same for it and has answered it by its own words.
    """
    chosen = {max(members, key=lambda one: len(one.own)).place}
    notes: dict[int, Noted] = {}

    def named(one: Whole) -> Noted:
        if one.place not in notes:
            notes[one.place] = noted(one.listing, views.of(one.guess.category_id))
        return notes[one.place]

    for item in asking:
        category = views.of(item.guess.category_id)
        alike = [one for one in members if one.guess.category_id == item.guess.category_id]
        for key in range(len(category.keys)):
            if key in item.known:
                continue
            fit = (one for one in alike if key in one.own and named(one).notes[key] == named(item).notes[key])
            found = next(fit, None)
            if found is not None:
                chosen.add(found.place)
    return chosen
