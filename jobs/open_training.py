"""The labelled pairs that a ranker leaves open on items that it did not learn from: what the discriminator is trained and fitted on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jobs.training_sets import TrainingSet
from pipelines.library.keys import CategoryViews
from pipelines.library.open_pairs import OpenPair, open_pairs
from pipelines.library.pairs import item_pairs, similar_values
from pipelines.library.ranker import RankerMeta
from pipelines.library.recogniser import RecogniserConfig
from pipelines.models.own_values import own_values
from udfs.document import document

OutOfFold = dict[str, dict[str, list[float]]]
"""Probabilities of candidates by item and key, as `jobs.train_ranker` leaves them."""


def labelled_open_pairs(
    found: TrainingSet,
    views: CategoryViews,
    number: int,
    out_of_fold: OutOfFold,
    config: RecogniserConfig,
    meta: RankerMeta,
) -> Sequence[OpenPair]:
    """The labelled pairs of one item within the ranker's open range, by its out-of-fold probabilities.

    `views`: of the set's release. `number`: which of its listings; it must be in `out_of_fold`.
    """
    listing = found.listings[number]
    category = views.of(str(listing.category_id))
    labels = found.gold[listing.item_id]
    own = own_values(category, labels)
    similar = similar_values(found.release, category, found.vectors[number], config.top_k)
    # Candidates must be those of `jobs.train_ranker`, in their order: probabilities are told by place.
    item = item_pairs(number, listing, document(listing), category, similar, own)
    known = out_of_fold[listing.item_id]
    ranked = [
        np.asarray(known.get(view.key.key_id, [0.0] * len(pair.candidates)), np.float32)
        for view, pair in zip(category.keys, item.pairs, strict=True)
    ]
    opened = open_pairs(number, item, ranked, config, meta)
    return [pair for pair in opened if pair.view.key.key_id in labels]
