"""Training rows of the relevance heads from labelled sets: stated keys of items (A), touched keys of differences (B).

B's pairs are siblings of a product family, and made-up siblings where a set has no families (`relevance_edits`).
Source: paper section 4.3.1 (2); how labels are made is ours.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipelines.library.candidates import item_text
from pipelines.library.keys import CategoryView, CategoryViews
from pipelines.library.pairs import encoded_text
from pipelines.library.relevance_features import Floats, ItemProbe, a_features, b_features, item_probe
from pipelines.models.encoder_sets import SetParts
from pipelines.models.relevance_edits import edited
from pipelines.models.vector_file import VectorFile
from schemas.listing import Listing
from udfs.document import document
from udfs.split import split_group
from udfs.text import fold

SIBLINGS = "siblings"
MOST_REFERENCES = 3
Labels = Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Rows:
    """Rows of one task.

    Shapes: `numbers` (N, F); `labels` (N); `families`, `keys` (key names), `kinds` ("set/kind") N long; task A only:
    `products` (N, d), item vector times key vector, half precision.
    """

    numbers: list[Floats] = field(default_factory=list)
    labels: list[bool] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    products: list[Floats] = field(default_factory=list)

    def add(self, row: Floats, label: bool, family: str, key: str, kind: str) -> None:
        """One more row."""
        self.numbers.append(row)
        self.labels.append(label)
        self.families.append(family)
        self.keys.append(key)
        self.kinds.append(kind)

    def extend(self, other: Rows) -> None:
        """All rows of another set."""
        for name in ("numbers", "labels", "families", "keys", "kinds", "products"):
            getattr(self, name).extend(getattr(other, name))


def a_rows(parts: SetParts, listings: Sequence[Listing], vectors: VectorFile, leave_one_out: bool) -> Rows:
    """A row for each labelled (item, key): whether gold states a value. The linear stage's number is left 0.

    `leave_one_out`: see the ontology as if without the item (for training items). A set whose gold only ever states
    says nothing of the unstated: it gives no rows.
    """
    rows, views = Rows(), CategoryViews(parts.ontology)
    if all(values for labels in parts.gold.values() for values in labels.values()):
        return rows
    for listing in _usable(parts, listings):
        labels, category = parts.gold.get(listing.item_id, {}), views.of(str(listing.category_id))
        keys, probe = key_rows(category, vectors), probe_of(listing, vectors)
        own = own_counts(category, labels) if leave_one_out else None
        numbers = a_features(probe, category, keys, np.zeros(len(category.keys), np.float32), own)
        for place, view in enumerate(category.keys):
            if view.key.key_id in labels:
                stated = bool(labels[view.key.key_id])
                rows.add(numbers[place], stated, split_group(listing), view.key.name, f"{parts.name}/item")
                rows.products.append((keys[place] * probe.vector).astype(np.float16))
    return rows


def b_rows(parts: SetParts, listings: Sequence[Listing], vectors: VectorFile, leave_one_out: bool) -> Rows:
    """A row for each key of each pair of siblings, real or made up: whether its value differs. Unlabelled keys give none."""
    rows, views = Rows(), CategoryViews(parts.ontology)
    usable = list(_usable(parts, listings))
    for item, reference in sibling_pairs(usable):
        if item.category_id != reference.category_id:
            continue
        category = views.of(str(item.category_id))
        here, there = parts.gold.get(item.item_id, {}), parts.gold.get(reference.item_id, {})
        touched = {key for key in here.keys() & there.keys() if _folded(here[key]) != _folded(there[key])}
        labelled = here.keys() & there.keys()
        _add_pair(rows, parts, category, item, reference, touched, labelled, SIBLINGS, vectors, leave_one_out)
    for listing in usable:
        made = edited(
            listing, views.of(str(listing.category_id)), parts.gold.get(listing.item_id, {}), _seeded(listing)
        )
        if made is not None:
            category = views.of(str(listing.category_id))
            touched = {made.touched} if made.touched else set()
            labelled = parts.gold.get(listing.item_id, {}).keys() - made.unsure
            _add_pair(
                rows,
                parts,
                category,
                made.listing,
                listing,
                touched,
                labelled,
                made.kind,
                vectors,
                leave_one_out,
            )
    return rows


def edit_texts(parts: SetParts) -> Iterator[str]:
    """The texts of all made-up siblings: they have to be encoded beside those of `needed_texts`."""
    views = CategoryViews(parts.ontology)
    for listing in (*_usable(parts, parts.train), *_usable(parts, parts.held_out.listings)):
        made = edited(
            listing, views.of(str(listing.category_id)), parts.gold.get(listing.item_id, {}), _seeded(listing)
        )
        if made is not None:
            yield encoded_text(document(made.listing))


def sibling_pairs(listings: Sequence[Listing]) -> Iterator[tuple[Listing, Listing]]:
    """Each item with up to three siblings of its product family, which ones drawn by its id."""
    families: dict[str, list[Listing]] = defaultdict(list)
    for listing in listings:
        if listing.spu_id:
            families[listing.spu_id].append(listing)
    for members in families.values():
        for item in members:
            others = [other for other in members if other is not item]
            for reference in _seeded(item).sample(others, min(MOST_REFERENCES, len(others))):
                yield item, reference


def probe_of(listing: Listing, vectors: VectorFile) -> ItemProbe:
    """An item as the heads see it."""
    found = document(listing)
    return item_probe(vectors.of([encoded_text(found)])[0], item_text(found))


def key_rows(category: CategoryView, vectors: VectorFile) -> Floats:
    """Vectors of the names of a category's keys; zeros for scenario tags, as in recognition. Shapes: (K, d)."""
    known = [view.key.name for view in category.keys if view.key.name in vectors.places]
    found = dict(zip(known, vectors.of(known), strict=True)) if known else {}
    zero = np.zeros(vectors.rows.shape[1], np.float32)
    return np.stack([found.get(view.key.name, zero) for view in category.keys])


def own_counts(category: CategoryView, labels: Labels) -> list[Counter[str]]:
    """Per key, what an item's own gold brought to the ontology's counts."""
    return [Counter(map(fold, labels.get(view.key.key_id, ()))) for view in category.keys]


def _add_pair(
    rows: Rows,
    parts: SetParts,
    category: CategoryView,
    item: Listing,
    reference: Listing,
    touched: set[str],
    labelled: set[str],
    kind: str,
    vectors: VectorFile,
    leave_one_out: bool,
) -> None:
    labels = parts.gold.get(reference.item_id, {})
    told = [labels.get(view.key.key_id, ()) for view in category.keys]
    own = own_counts(category, labels) if leave_one_out else None
    numbers = b_features(
        probe_of(item, vectors),
        probe_of(reference, vectors),
        told,
        category,
        key_rows(category, vectors),
        own,
    )
    for place, view in enumerate(category.keys):
        if view.key.key_id in labelled:
            label = view.key.key_id in touched
            rows.add(numbers[place], label, split_group(reference), view.key.name, f"{parts.name}/{kind}")


def _usable(parts: SetParts, listings: Sequence[Listing]) -> Iterator[Listing]:
    return (
        item
        for item in listings
        if item.category_id in parts.ontology.categories and item.item_id in parts.gold
    )


def _folded(values: Sequence[str]) -> frozenset[str]:
    return frozenset(map(fold, values))


def _seeded(listing: Listing) -> random.Random:
    return random.Random(f"relevance/{listing.item_id}")
