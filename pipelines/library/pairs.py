"""From listings to pairs: what of one item the ranker and the discriminator look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.library.candidates import Candidate, ItemText, candidates, item_text
from pipelines.library.features import ItemFeatures
from pipelines.library.keys import CategoryView
from pipelines.library.ranker import PairInput
from pipelines.ontology.release import Release
from schemas.listing import Listing
from udfs.document import Document

Floats = npt.NDArray[np.float32]
ENCODED_CHARS = 700


@dataclass(slots=True)
class ItemPairs:
    """One item with its category's keys and, per key, its candidates and ranker input."""

    listing: Listing
    category: CategoryView
    text: ItemText
    pairs: list[PairInput]


def encoded_text(found: Document) -> str:
    """The part of an item's text that is encoded for search (paper section 4.2.1, f_enc(x, I_sku))."""
    return found.text[:ENCODED_CHARS]


def is_searched(category: CategoryView, key_position: int) -> bool:
    """Whether a key's values are looked for by similarity: not where they are computed from the text."""
    view = category.keys[key_position]
    return not view.rule.computes and view.key.value_kind != "identifier" and view.value_set_id != ""


def similar_values(
    release: Release, category: CategoryView, vector: Floats, top_k: int
) -> list[dict[int, float]]:
    """Per key, the positions of the K nearest values and their cosine."""
    found: list[dict[int, float]] = []
    for position, view in enumerate(category.keys):
        if not is_searched(category, position):
            found.append({})
            continue
        scores, places = release.search(view.value_set_id, vector[None, :], top_k)
        found.append({int(p): float(s) for s, p in zip(scores[0], places[0], strict=True) if p >= 0})
    return found


def item_pairs(
    number: int,
    listing: Listing,
    found: Document,
    category: CategoryView,
    similar: Sequence[Mapping[int, float]],
    own: Sequence[Mapping[str, int]] | None = None,
    top_k: int = 10,
) -> ItemPairs:
    """Candidates and features of all keys of one item. `number` tells the items of one chunk apart."""
    text = item_text(found)
    return pairs_of(number, listing, text, category, candidates(text, category, similar, own, top_k))


def pairs_of(
    number: int,
    listing: Listing,
    text: ItemText,
    category: CategoryView,
    offered: Sequence[list[Candidate]],
) -> ItemPairs:
    """Features of what is offered for all keys of one item, a list of candidates a key."""
    features = ItemFeatures(text, category)
    pairs = [
        PairInput(number, found, features.sparse(view, found), features.dense(view, found))
        for view, found in zip(category.keys, offered, strict=True)
    ]
    return ItemPairs(listing, category, text, pairs)
