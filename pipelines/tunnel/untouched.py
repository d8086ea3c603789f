"""Keys that a change of an item's text does not touch: what the discriminator said of them stands (paper section 6.1; T3, L4).

Conservative: of the last text's answers one is lent only where nothing that changed could bear on its key. The words that came
or went are none of the key's values, none of its name, and none beside its name; no number changed where the key holds numbers;
the key offers the same candidates; its evidence still stands word for word. Everything else is asked again.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.library.answers import Answer
from pipelines.library.candidates import ItemText, names_match
from pipelines.library.keys import KeyView
from pipelines.library.pairs import ItemPairs
from pipelines.reduction.lend import standing
from schemas.image import IMAGES
from schemas.listing import Listing
from udfs.tokens import stem

NEAR_WORDS = 4
MOST_CHANGED = 0.25
"""Of all words: a text that changed more is a new text."""
ROOM = 2_000


@dataclass(frozen=True, slots=True)
class Told:
    """What was last said of an item, and of which text."""

    listing: Listing
    category_id: str
    words: tuple[str, ...]
    offered: Mapping[str, frozenset[str]]
    answers: Mapping[str, Answer]


class LastAnswers:
    """Remembers the last answers by item, and lends those of untouched keys. Bounded; what is forgotten is asked again."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._told: OrderedDict[str, Told] = OrderedDict()

    def lent(self, item: ItemPairs) -> dict[int, Answer]:
        """By place of the key in its category: answers of the item's last text that still hold."""
        before = self._told.get(item.listing.item_id)
        if before is None or before.category_id != item.category.category_id:
            return {}
        if before.listing.image_urls != item.listing.image_urls:
            return {}
        changed, near = _difference(before.words, _words(item.text))
        if sum(changed.values()) > MOST_CHANGED * max(1, len(before.words)):
            return {}
        found = {}
        for place, (view, pair) in enumerate(zip(item.category.keys, item.pairs, strict=True)):
            key_id = view.key.key_id
            answer = before.answers.get(key_id)
            same_choice = before.offered.get(key_id) == frozenset(one.value for one in pair.candidates)
            if (
                answer is None
                or not same_choice
                or _touches(changed, near, before.listing, item.listing, view)
            ):
                continue
            evidence = [
                one if one.source_field.startswith(IMAGES) else standing(one, item.listing)
                for one in answer.evidence
            ]
            if None not in evidence:
                found[place] = replace(answer, evidence=tuple(one for one in evidence if one))
        return found

    def keep(self, item: ItemPairs, answers: Sequence[Answer]) -> None:
        """Remember an item's answers, one a key in the category's order."""
        offered = {
            view.key.key_id: frozenset(one.value for one in pair.candidates)
            for view, pair in zip(item.category.keys, item.pairs, strict=True)
        }
        by_key = {answer.key_id: answer for answer in answers}
        told = Told(item.listing, item.category.category_id, _words(item.text), offered, by_key)
        self._told[item.listing.item_id] = told
        self._told.move_to_end(item.listing.item_id)
        if len(self._told) > self._room:
            self._told.popitem(last=False)


def _words(text: ItemText) -> tuple[str, ...]:
    return tuple(stem(token.form) for token in text.tokens if token.form)


def _difference(before: Sequence[str], after: Sequence[str]) -> tuple[Counter[str], frozenset[str]]:
    """Words that came or went, and all words that stand near one of them."""
    gone, come = Counter(before) - Counter(after), Counter(after) - Counter(before)
    near = _near(before, gone) | _near(after, come)
    return gone + come, frozenset(near)


def _near(words: Sequence[str], changed: Mapping[str, int]) -> set[str]:
    near: set[str] = set()
    for place, word in enumerate(words):
        if word in changed:
            near.update(words[max(0, place - NEAR_WORDS) : place + NEAR_WORDS + 1])
    return near


def _touches(
    changed: Mapping[str, int], near: frozenset[str], before: Listing, after: Listing, view: KeyView
) -> bool:
    """Whether a change may bear on a key."""
    if view.is_open or view.rule.computes or view.key.value_kind != "enumerated":
        # Any word may be a value that the ontology does not list.
        return bool(changed)
    names = {word for name in view.names for word in name.split()}
    if any(word in view.words for word in changed) or not names.isdisjoint(near):
        return True
    attributes = {
        name
        for name in before.attributes.keys() | after.attributes.keys()
        if before.attributes.get(name) != after.attributes.get(name)
    }
    return any(names_match(name, view) for name in attributes)
