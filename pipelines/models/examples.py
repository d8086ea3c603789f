"""Labelled items as training sees them: without what they brought to the ontology, and some entries shown as new.

Recognition meets new entries the moment an ontology's release has them (O8), training otherwise never would: a value that
only the item itself brought is taken out of its view, so is one that was never counted (whether an item that could have it
does have it, no label says), and every other one was counted. What is shown as new is drawn without a look at what is true.
Source: ours.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipelines.library.keys import CategoryView, CategoryViews, KeyView, key_view
from pipelines.library.pairs import Floats
from pipelines.models.own_values import own_values
from pipelines.ontology.snapshot import CategoryKey
from schemas.listing import Listing
from udfs.text import fold

Gold = Mapping[str, Mapping[str, Sequence[str]]]
AS_NEW = "#new"
"""What the name of an item ends with that is shown once more, with some entries as new."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How many items are shown once more, and of these how many in a category as if it were new; of the keys of the others
    how many as if they were, and of the values of the other keys.
    """

    items: float = 0.0
    categories: float = 0.3
    keys: float = 0.5
    values: float = 0.3


NONE_NEW = Shares()


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled item as training sees it.

    `labels`: those to learn from; `own`: as `candidates` takes it, what the item brought and what was never counted, None where
    the ontology never saw the item;
    `new_keys`: places of the keys that are shown as new; `in_new_category`: the category is. Shapes: vector (d,).
    """

    name: str
    listing: Listing
    vector: Floats
    category: CategoryView
    labels: Mapping[str, Sequence[str]]
    own: list[Counter[str]] | None
    new_keys: frozenset[int] = frozenset()
    in_new_category: bool = False


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
    uncounted = Uncounted()
    for listing, vector in zip(listings, vectors, strict=True):
        labels = gold.get(listing.item_id, {})
        category = views.of(str(listing.category_id))
        own = _without_own(category, labels, uncounted) if leave_one_out else None
        one = Example(listing.item_id, listing, vector, category, labels, own)
        yield one
        if _draw(one.name) < shares.items:
            again = shown_as_new(one, uncounted, shares)
            if again.labels:
                yield again


def _without_own(
    category: CategoryView, labels: Mapping[str, Sequence[str]], uncounted: Uncounted
) -> list[Counter[str]]:
    own = own_values(category, labels)
    return [
        one + uncounted.values(category.category_id, v) for v, one in zip(category.keys, own, strict=True)
    ]


@dataclass
class Uncounted:
    """What of keys was never counted: their values that were not, and keys as if none had been; each made once."""

    _keys: dict[tuple[str, str], KeyView] = field(default_factory=dict)
    _values: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    def key(self, category_id: str, view: KeyView) -> KeyView:
        """The uncounted form of a key."""
        name = (category_id, view.key.key_id)
        if name not in self._keys:
            values = [replace(value, frequency=0) for value in view.values]
            self._keys[name] = key_view(CategoryKey(view.key, view.value_set_id), values)
        return self._keys[name]

    def values(self, category_id: str, view: KeyView) -> Counter[str]:
        """The values of a counted key that were never seen themselves; none of a key of which nothing was counted."""
        name = (category_id, view.key.key_id)
        if name not in self._values:
            seen = zip(view.values, view.same_as, strict=True)
            never = (fold(value.text) for value, at in seen if view.total and not view.frequencies[at])
            self._values[name] = Counter(never)
        return self._values[name]


def shown_as_new(one: Example, uncounted: Uncounted, shares: Shares) -> Example:
    """The labelled pairs of an item with some entries shown as new; which, the names alone decide."""
    keys, own, new, labels = list(one.category.keys), list(one.own or ()), set(), {}
    new_category = _draw(one.name) < shares.items * shares.categories
    for place, view in enumerate(one.category.keys if one.own is not None else ()):
        key_id = view.key.key_id
        if key_id not in one.labels:
            continue
        is_new = not new_category and _draw(one.name, key_id) < shares.keys
        if is_new or new_category:
            keys[place], own[place] = uncounted.key(one.category.category_id, view), Counter()
            new.update([place] * is_new)
        else:
            keys[place], own[place] = _with_new_values(one.name, view, own[place], shares.values)
        if new_category or keys[place] is not view:
            labels[key_id] = one.labels[key_id]
    return replace(
        one,
        name=one.name + AS_NEW,
        category=replace(one.category, keys=tuple(keys)),
        labels=labels,
        own=own,
        new_keys=frozenset(new),
        in_new_category=new_category,
    )


def _with_new_values(
    item_id: str, view: KeyView, own: Counter[str], share: float
) -> tuple[KeyView, Counter[str]]:
    """A view in which some of the values that were counted are there, but uncounted."""
    drawn = np.random.default_rng(_seed(item_id, view.key.key_id)).random(len(view.values)) < share
    counts = np.asarray(view.frequencies, np.int64)
    new = np.flatnonzero(drawn & (counts > 0)).tolist()
    if not new:
        return view, own
    forms = {fold(view.values[place].text) for place in new}
    left = Counter({text: seen for text, seen in own.items() if text not in forms})
    counts[new] = 0
    return replace(view, frequencies=tuple(counts.tolist()), total=int(counts.sum())), left


def without_names(tokens: Sequence[Sequence[str]], view: KeyView) -> list[list[str]]:
    """The tokens of a pair that do not name its key: all that a key never seen has a weight for."""
    kind = f"{view.key.value_kind}.{view.rule.kind}|"
    return [[token for token in of_candidate if token.startswith(kind)] for of_candidate in tokens]


def without_category(
    tokens: Sequence[Sequence[str]], category: CategoryView, view: KeyView
) -> list[list[str]]:
    """The tokens of a pair that do not name its category: all that a category never seen has a weight for."""
    both = f"{category.name.lower()}.{view.name}|"
    return [[token for token in of_candidate if not token.startswith(both)] for of_candidate in tokens]


def _draw(*names: str) -> float:
    """A number from 0 to 1 that the names alone decide."""
    return _seed(*names) / (1 << 48)


def _seed(*names: str) -> int:
    text = "\0".join(names).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big")
