"""Made-up siblings: a listing with one stated value changed, taken out, or with words that say nothing added.

Sets without product families have no siblings to learn differences from; of such an edit it is known which key it touches.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.library.keys import CategoryView, KeyView
from schemas.listing import Listing
from udfs.text import fold
from udfs.tokens import match_form

SWAP, DROP, NOISE = "swap", "drop", "noise"
KINDS = (SWAP, DROP, NOISE)
WEIGHTS = (6, 2, 2)
PHRASES = (
    "Free shipping", "New arrival!", "100% authentic", "Best price", "Ships within 24 hours", "Hot sale", "Satisfaction guaranteed",
    "Order today", "In stock now", "Top seller of the month", "Buy with confidence", "Gift wrapping available",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Edit:
    """A made-up sibling of a listing: `touched` is the key whose value changed (None: none did), `unsure` keys that share its words."""

    listing: Listing
    kind: str
    touched: str | None
    unsure: frozenset[str] = frozenset()


def edited(
    listing: Listing, category: CategoryView, labels: Mapping[str, Sequence[str]], rnd: random.Random
) -> Edit | None:
    """A random edit; None where the listing states nothing that could be changed."""
    kind = rnd.choices(KINDS, WEIGHTS)[0]
    if kind == NOISE:
        return _with_noise(listing, rnd)
    stated = [
        (view, value, pattern)
        for view in category.keys
        for value in labels.get(view.key.key_id, ())
        if len(fold(value)) > 1
        and (pattern := _whole(value)).search(f"{listing.title}\n{listing.description}")
    ]
    if not stated:
        return None
    view, value, pattern = rnd.choice(stated)
    new = "" if kind == DROP else _other(view, labels[view.key.key_id], value, listing, rnd)
    if new is None:
        return None

    def changed(text: str) -> str:
        return pattern.sub(lambda _match: new, text)

    made = replace(
        listing,
        title=changed(listing.title),
        description=changed(listing.description),
        attributes={name: changed(text) for name, text in listing.attributes.items()},
    )
    words = set(match_form(f"{value} {new}").split())
    unsure = frozenset(
        other.key.key_id
        for other in category.keys
        if other is not view
        and any(words & set(match_form(text).split()) for text in labels.get(other.key.key_id, ()))
    )
    return Edit(made, kind, view.key.key_id, unsure)


def _whole(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.I)


def _other(
    view: KeyView, gold: Sequence[str], value: str, listing: Listing, rnd: random.Random
) -> str | None:
    """Another value of the key that the listing does not have, and that is no part of this one nor the other way round."""
    have = {fold(text) for text in gold}
    text = f"{listing.title}\n{listing.description}"
    others = [
        other.text
        for other in view.values
        if fold(other.text) not in have
        and fold(other.text) not in fold(value)
        and fold(value) not in fold(other.text)
        and not _whole(other.text).search(text)
    ]
    return rnd.choice(others) if others else None


def _with_noise(listing: Listing, rnd: random.Random) -> Edit:
    phrase = rnd.choice(PHRASES)
    if listing.description and rnd.random() < 0.5:
        made = replace(listing, description=f"{listing.description} {phrase}.")
    else:
        made = replace(
            listing, title=f"{phrase} {listing.title}" if rnd.random() < 0.5 else f"{listing.title} {phrase}"
        )
    return Edit(made, NOISE, None)
