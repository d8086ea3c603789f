"""Which keys the difference of two texts can bear on, by words alone: no model, no search (L3, B2).

Of every text it is noted, key by key, what candidates can come from: known values that it names, numbers that it states, codes.
A key whose notes are alike, whose name stands beside no changed word and whose merchant's attribute is the same is not touched.
Of keys with values beyond the ontology, any change in the title and any change beside a known word of theirs counts too.
Source: paper section 4.3.1 (1) lends a neighbour's results whole; key by key, and only where nothing can differ: ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.library.candidates import ItemText, item_text, names_match
from pipelines.library.keys import CategoryView, KeyView
from schemas.listing import Listing
from udfs.document import document
from udfs.normalize import extracted
from udfs.tokens import stem

NEAR_WORDS = 4
NEGATIONS = frozenset(
    ["no", "not", "non", "without", "free", "except", "excluding", "un", "非", "无", "無", "不", "没", "未"]
)
"""A change of one of these changes what the words beside it say."""
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-./'&+_#]{2,}[A-Za-z0-9]")

Note = Counter[Hashable]


@dataclass(frozen=True, slots=True)
class Noted:
    """A text and, key by key of its category, what candidates can come from."""

    listing: Listing
    words: tuple[str, ...]
    title: tuple[str, ...]
    notes: tuple[Note, ...]


def noted(listing: Listing, category: CategoryView, text: ItemText | None = None) -> Noted:
    """Note what each key of a category can find in a listing; `text`: of the listing, where it is there already."""
    text = text or item_text(document(listing))
    named: list[Note] = [Counter() for _ in category.keys]
    for form, _, _ in text.grams:
        for key, position in category.surfaces.get(form, ()):
            named[key][position] += 1
    for place, view in enumerate(category.keys):
        named[place].update(_computed(text.document.text, view))
    words = [(stem(token.form), token.start) for token in text.tokens if token.form]
    end = text.document.title_end
    return Noted(
        listing,
        tuple(word for word, _ in words),
        tuple(word for word, start in words if start < end),
        tuple(named),
    )


def touched(before: Noted, after: Noted, category: CategoryView) -> list[bool]:
    """Per key, whether the difference of two texts of one category can bear on it.

    Shapes: one truth a key, in the category's order. Errors: ValueError where the texts were noted for other keys.
    """
    if not len(before.notes) == len(after.notes) == len(category.keys):
        raise ValueError(
            f"texts noted for other keys than the {len(category.keys)} of {category.category_id}"
        )
    gone, come = Counter(before.words) - Counter(after.words), Counter(after.words) - Counter(before.words)
    near = _near(before.words, gone) | _near(after.words, come)
    changed = frozenset(gone) | frozenset(come)
    negated = bool(changed & NEGATIONS)
    attributes = changed_attributes(before.listing, after.listing)
    in_title = Counter(before.title) != Counter(after.title)
    found = []
    for place, view in enumerate(category.keys):
        words = near if negated or _is_boundless(view) else changed
        found.append(
            before.notes[place] != after.notes[place]
            or (in_title and _is_boundless(view))
            or not words.isdisjoint(view.words)
            or not near.isdisjoint(word for name in view.names for word in name.split())
            or any(names_match(name, view) for name in attributes)
        )
    return found


def _is_boundless(view: KeyView) -> bool:
    """Whether words that the ontology does not list may be values of a key."""
    return not view.rule.computes and (view.is_open or view.key.value_kind != "enumerated")


def _computed(text: str, view: KeyView) -> list[Hashable]:
    """What a key reads from a text by rule: numbers with their unit, codes."""
    if view.rule.computes:
        return [("computed", surface.value) for surface in extracted(text, view.rule)]
    if view.key.value_kind == "identifier":
        codes = _CODE.findall(text)
        return [("code", code) for code in codes if code.isupper() or any(char.isdigit() for char in code)]
    return []


def _near(words: Sequence[str], changed: Mapping[str, int]) -> set[str]:
    near: set[str] = set()
    for place, word in enumerate(words):
        if word in changed:
            near.update(words[max(0, place - NEAR_WORDS) : place + NEAR_WORDS + 1])
    return near


def changed_attributes(before: Listing, after: Listing) -> set[str]:
    """Names of merchant attributes that differ; the brand field counts as one."""
    here, there = ({**one.attributes, "brand": one.brand or ""} for one in (before, after))
    return {name for name in here.keys() | there.keys() if here.get(name, "") != there.get(name, "")}
