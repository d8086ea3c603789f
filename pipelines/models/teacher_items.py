"""Which listings a reference model is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.library.keys import SCENARIO_KEY
from pipelines.models.labelled import Gold, LabelledSet
from pipelines.models.teacher import ToLabel
from schemas.listing import Listing


def to_label(
    labelled: LabelledSet, listings: Sequence[Listing], gold: Gold, held_out: frozenset[str]
) -> Iterator[ToLabel]:
    """Listings that may be trained on, each with the keys that gold says nothing of."""
    return _asked(labelled, listings, gold, held_out, of_gold=False)


def to_check(
    labelled: LabelledSet, listings: Sequence[Listing], gold: Gold, held_out: frozenset[str]
) -> Iterator[ToLabel]:
    """Labelled listings that may be trained on, each with the keys that gold tells: what a teacher is compared with."""
    return _asked(labelled, listings, gold, held_out, of_gold=True)


def _asked(
    labelled: LabelledSet,
    listings: Sequence[Listing],
    gold: Gold,
    held_out: frozenset[str],
    of_gold: bool,
) -> Iterator[ToLabel]:
    for listing in listings:
        if listing.category_id not in labelled.views.snapshot.categories or listing.item_id in held_out:
            continue
        view, known = labelled.views.of(str(listing.category_id)), gold.get(listing.item_id, {})
        keys = {key.key.key_id for key in view.keys} - {SCENARIO_KEY}
        wanted = frozenset(keys & known.keys() if of_gold else keys - known.keys())
        if wanted:
            yield ToLabel(listing, view, wanted, known, labelled.similar(listing.item_id, view))
