"""Labelled items as training sees them: without what they brought to the ontology, and some entries shown as new.

Recognition meets new entries the moment an ontology's release has them (O8), training otherwise never would: a value that
only the item itself brought is taken out of its view, and every other one was counted. Source: ours.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipelines.library.keys import CategoryView, CategoryViews, KeyView, key_view
from pipelines.library.pairs import Floats
from pipelines.models.own_values import own_values
from pipelines.ontology.snapshot import CategoryKey
from schemas.listing import Listing

Gold = Mapping[str, Mapping[str, Sequence[str]]]
AS_NEW = "#new"
"""What the name of an item ends with that is shown once more, with some entries as new."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How many items are shown once more, and there, of the pairs, how many as if their key were new, or else a true value."""

    items: float = 0.0
    keys: float = 0.5
    values: float = 0.5


NONE_NEW = Shares()


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled item as training sees it.

    `labels`: those to learn from; `own`: as `candidates` takes it, None where the ontology never saw the item;
    `new_keys`: places of the keys that are shown as new. Shapes: vector (d,).
    """

    name: str
    listing: Listing
    vector: Floats
    category: CategoryView
    labels: Mapping[str, Sequence[str]]
    own: list[Counter[str]] | None
    new_keys: frozenset[int] = frozenset()


def examples(
    views: CategoryViews,
    listings: Sequence[Listing],
    gold: Gold,
    vectors: Floats,
    leave_one_out: bool,
    shares: Shares = NONE_NEW,
) -> Iterator[Example]:
    """Each labelled item, and where the shares say so, once more what it has of entries shown as new.

    Shapes: N listings, vectors (N, d).
    """
    keys = UncountedKeys()
    for listing, vector in zip(listings, vectors, strict=True):
        labels = gold.get(listing.item_id, {})
        category = views.of(str(listing.category_id))
        own = own_values(category, labels) if leave_one_out else None
        one = Example(listing.item_id, listing, vector, category, labels, own)
        yield one
        if _draw(one.name) < shares.items:
            again = shown_as_new(one, keys, shares)
            if again.labels:
                yield again


@dataclass
class UncountedKeys:
    """Keys as if their values had never been counted, each made once."""

    _made: dict[tuple[str, str], KeyView] = field(default_factory=dict)

    def of(self, category_id: str, view: KeyView) -> KeyView:
        """The uncounted form of a key."""
        name = (category_id, view.key.key_id)
        if name not in self._made:
            values = [replace(value, frequency=0) for value in view.values]
            self._made[name] = key_view(CategoryKey(view.key, view.value_set_id), values)
        return self._made[name]


def shown_as_new(one: Example, uncounted: UncountedKeys, shares: Shares) -> Example:
    """The pairs of an item in which something is shown as new; which, the names alone decide."""
    keys, own, new, labels = list(one.category.keys), list(one.own or ()), set(), {}
    for place, view in enumerate(one.category.keys if one.own is not None else ()):
        key_id = view.key.key_id
        if key_id not in one.labels:
            continue
        if _draw(one.name, key_id) < shares.keys:
            keys[place], own[place] = uncounted.of(one.category.category_id, view), Counter()
            new.add(place)
        else:
            keys[place], own[place] = _with_new_values(one.name, view, own[place], shares.values)
        if keys[place] is not view:
            labels[key_id] = one.labels[key_id]
    category = replace(one.category, keys=tuple(keys))
    return replace(
        one, name=one.name + AS_NEW, category=category, labels=labels, own=own, new_keys=frozenset(new)
    )


def _with_new_values(
    item_id: str, view: KeyView, own: Counter[str], share: float
) -> tuple[KeyView, Counter[str]]:
    """A view in which some of the item's own values are there, but uncounted."""
    chosen = {
        text: view.positions[text]
        for text in own
        if text in view.positions and _draw(item_id, view.key.key_id, text) < share
    }
    if not chosen:
        return view, own
    counts = list(view.frequencies)
    for place in chosen.values():
        counts[place] = 0
    total = view.total - sum(view.frequencies[place] for place in chosen.values())
    left = Counter({text: seen for text, seen in own.items() if text not in chosen})
    return replace(view, frequencies=tuple(counts), total=total), left


def without_names(tokens: Sequence[Sequence[str]], view: KeyView) -> list[list[str]]:
    """The tokens of a pair that do not name its key: all that a key never seen has a weight for."""
    kind = f"{view.key.value_kind}.{view.rule.kind}|"
    return [[token for token in of_candidate if token.startswith(kind)] for of_candidate in tokens]


def _draw(*names: str) -> float:
    """A number from 0 to 1 that the names alone decide."""
    text = "\0".join(names).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / (1 << 48)
