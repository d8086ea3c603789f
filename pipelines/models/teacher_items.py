"""Which listings a reference model is asked about, and asking about several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from pipelines.library.keys import SCENARIO_KEY
from pipelines.models.labelled import Gold, LabelledSet
from pipelines.models.teacher import ToLabel
from schemas.listing import Listing

T = TypeVar("T")


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


async def each(items: Iterable[T], work: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Do the work for every item, several at a time; the first failure ends all of it."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    tasks = [asyncio.ensure_future(worker()) for _ in range(max(1, at_once))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


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
