"""A small, fixed part of a catalog that still has every kind of listing in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from schemas.listing import Listing


def sample_listings(listings: Sequence[Listing], at_least: int, always: Collection[str]) -> list[Listing]:
    """At least so many listings: whole SPUs, category after category in turn, and the items of `always`.

    The order of the input is kept, and the same input gives the same sample. Listings without category count as
    one category.

    >>> shoes = [Listing(f"s{n}", "shoe", spu_id=f"p{n // 2}", category_id="shoes") for n in range(6)]
    >>> teas = [Listing("t0", "tea", category_id="tea")]
    >>> [found.item_id for found in sample_listings([*shoes, *teas], 3, {"s5"})]
    ['s0', 's1', 's5', 't0']
    """
    chosen = {listing.item_id for listing in listings if listing.item_id in always}
    waiting = _families(listings)
    while len(chosen) < at_least and any(waiting.values()):
        for families in waiting.values():
            if families:
                chosen.update(families.pop(0))
    return [listing for listing in listings if listing.item_id in chosen]


def _families(listings: Sequence[Listing]) -> dict[str, list[list[str]]]:
    """Item ids by SPU, by category, in the order of the input."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for listing in listings:
        found[listing.category_id or ""][listing.spu_id or listing.item_id].append(listing.item_id)
    return {category_id: list(families.values()) for category_id, families in found.items()}
