"""The held-out fifth of a labelled set: training and evaluation must agree on it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from schemas.listing import Listing


def split_group(listing: Listing) -> str:
    """What is held out as a whole: the product family, else the item. Siblings share most of their text."""
    return listing.spu_id or listing.item_id


def held_out_groups(groups: Iterable[str]) -> frozenset[str]:
    """A fixed fifth of the groups, whatever their order.

    >>> sorted(held_out_groups(f"spu-{n}" for n in range(10)))
    ['spu-7', 'spu-8']
    """
    ordered = sorted(set(groups))
    random.Random(0).shuffle(ordered)
    return frozenset(ordered[: len(ordered) // 5])


def split_fifth(listings: Sequence[Listing]) -> tuple[list[Listing], list[Listing]]:
    """The training part and the held-out fifth, each in the given order."""
    held_out = held_out_groups(map(split_group, listings))
    train = [listing for listing in listings if split_group(listing) not in held_out]
    return train, [listing for listing in listings if split_group(listing) in held_out]
