"""Training rows of the ranker: candidates of labelled items, each seen as if the ontology had never seen the item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from pipelines.library.keys import CategoryViews
from pipelines.library.pairs import Floats, item_pairs, similar_values
from pipelines.library.ranker import PairInput, hasher
from pipelines.models.examples import NONE_NEW, Gold, Shares, examples, without_category, without_names
from pipelines.ontology.release import Release
from schemas.listing import Listing
from udfs.document import document
from udfs.split import split_group
from udfs.text import fold

HASH_ITEMS = 40


@dataclass(slots=True)
class RankerRows:
    """Labelled pairs and their hashed tokens (a row a candidate); `gold[n]`: pair n's true values, folded.

    `families[n]` is the product family of pair n's item: its siblings have much of its text and its values. `new[n]`: whether
    its key is shown as new.
    """

    pairs: list[PairInput]
    gold: list[frozenset[str]]
    items: list[str]
    families: list[str]
    keys: list[str]
    new: list[bool]
    tokens: sp.csr_matrix

    def labels(self) -> npt.NDArray[np.bool_]:
        """Whether each candidate is true."""
        return np.array(
            [
                c.folded in gold
                for pair, gold in zip(self.pairs, self.gold, strict=True)
                for c in pair.candidates
            ]
        )

    def owners(self) -> npt.NDArray[np.int64]:
        """The pair of each candidate."""
        return np.repeat(np.arange(len(self.pairs)), [len(pair.candidates) for pair in self.pairs])


def ranker_rows(
    release: Release,
    listings: Sequence[Listing],
    gold: Gold,
    vectors: Floats,
    leave_one_out: bool,
    report: Callable[[int], None] = lambda _done: None,
    shares: Shares = NONE_NEW,
) -> RankerRows:
    """Rows of every labelled pair.

    `leave_one_out`: take what an item itself brought to the ontology's values and frequencies out of it, so that
    a value that only it has is unknown, as it would be for a new item. `shares`: how much is shown as new entries too.
    Shapes: N listings, vectors (N, d).
    """
    found = RankerRows([], [], [], [], [], [], sp.csr_matrix((0, 0)))
    blocks: list[sp.csr_matrix] = []
    waiting: list[PairInput] = []
    given = list(examples(CategoryViews(release.snapshot), listings, gold, vectors, leave_one_out, shares))
    for number, one in enumerate(given):
        similar = similar_values(release, one.category, one.vector, 10)
        made = item_pairs(number, one.listing, document(one.listing), one.category, similar, one.own)
        for place, (view, pair) in enumerate(zip(one.category.keys, made.pairs, strict=True)):
            if view.key.key_id in one.labels:
                if place in one.new_keys:
                    pair.tokens = without_names(pair.tokens, view)
                elif one.in_new_category:
                    pair.tokens = without_category(pair.tokens, one.category, view)
                found.pairs.append(pair)
                found.gold.append(frozenset(map(fold, one.labels[view.key.key_id])))
                found.items.append(one.name)
                found.families.append(split_group(one.listing))
                found.keys.append(view.key.key_id)
                found.new.append(place in one.new_keys)
                waiting.append(pair)
        if number % HASH_ITEMS == HASH_ITEMS - 1 or number == len(given) - 1:
            blocks.append(_hashed(waiting))
            waiting = []
        report(number + 1)
    found.tokens = sp.vstack(blocks, format="csr")
    return found


def _hashed(pairs: Sequence[PairInput]) -> sp.csr_matrix:
    """Hash the tokens of some pairs and forget the strings, which would not fit memory for a whole set."""
    tokens = [tokens for pair in pairs for tokens in pair.tokens]
    if not tokens:  # the hasher refuses nothing
        return sp.csr_matrix((0, hasher().n_features), dtype=np.float32)
    block = hasher().transform(tokens).astype(np.float32)
    for pair in pairs:
        pair.tokens = ()
    return block


def joined(parts: Sequence[RankerRows]) -> RankerRows:
    """Several sets' rows as one; item numbers are made distinct."""
    whole = RankerRows([], [], [], [], [], [], sp.vstack([part.tokens for part in parts], format="csr"))
    offset = 0
    for part in parts:
        whole.pairs += [replace(pair, item=pair.item + offset) for pair in part.pairs]
        offset += 1 + max((pair.item for pair in part.pairs), default=0)
        whole.gold += part.gold
        whole.items += part.items
        whole.families += part.families
        whole.keys += part.keys
        whole.new += part.new
    return whole
