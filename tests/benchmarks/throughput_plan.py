"""What `make bench-throughput` recognises, and in which ways: items with labels, chunks, changed items, variants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from infra.demo.families import FamilyConfig, families, gold_rows, shared_share
from infra.demo.tree import LEAVES
from pipelines.reduction.config import NO_REDUCTION, Reduction, reduce_of
from schemas.derive import parse_record
from schemas.listing import Listing
from udfs.document import document
from udfs.prompts import as_data
from udfs.text import fold

CHUNK_ITEMS = 16
ONE_IN = 100
PAPER_REDUCTION = reduce_of("paper").reduction
"""As `aiic run --reduce paper` has it."""
REDUCED = replace(PAPER_REDUCTION, shared_first=False)
Gold = dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of recognising the items. `cache`: whether the server keeps prefixes."""

    name: str
    reduction: Reduction = NO_REDUCTION
    mode: str = "all"
    keys_per_request: int = 1
    cache: bool = False
    flows: bool = False


CACHED = {"keys_per_request": 8, "cache": True}
NAIVE = Variant("naive")
PAPER = Variant("paper_parts", PAPER_REDUCTION, flows=True, **CACHED)
ALL = replace(PAPER, name="all", mode="cascade")
VARIANTS = (
    NAIVE,
    Variant("reduction", REDUCED),
    Variant("reduction_sku", Reduction(neighbour_cosine=REDUCED.neighbour_cosine)),
    Variant("reduction_attribute", Reduction(task_a=REDUCED.task_a, task_b=REDUCED.task_b)),
    Variant("cache", Reduction(shared_first=True), **CACHED),
    Variant("cache_prefix", Reduction(shared_first=True), cache=True),
    Variant("async", flows=True),
    PAPER,
    Variant("cascade", mode="cascade"),
    ALL,
)


@dataclass(frozen=True, slots=True)
class Items:
    """What is recognised: listings, family by family, and their labels."""

    families: list[list[Listing]]
    gold: Gold
    shared: float
    key_names: dict[str, str]

    @property
    def shown_gold(self) -> dict[str, dict[str, list[str]]]:
        """Labels by what a prompt shows: the title as data, the key's name; values folded."""
        return {
            as_data(document(listing).parts[0].clean.text): {
                self.key_names[f"{listing.category_id}/{key_id}"]: list(map(fold, values))
                for key_id, values in self.gold[listing.item_id].items()
            }
            for listing in self.listings
        }

    @property
    def listings(self) -> list[Listing]:
        """All listings in order."""
        return [listing for family in self.families for listing in family]


def items_of(config: FamilyConfig) -> Items:
    """Make families and their labels."""
    made = list(families(config))
    gold: Gold = {}
    for draft in (draft for family in made for draft in family):
        for row in gold_rows(draft):
            gold.setdefault(str(row["item_id"]), {})[str(row["key_id"])] = list(row["values"])  # type: ignore[call-overload]
    listings = [[parse_record(Listing, draft.row) for draft in family] for family in made]
    shares = [shared_share([draft.row for draft in family]) for family in made]
    names = {f"{leaf.category_id}/{key.key_id}": key.name for leaf in LEAVES for key in leaf.keys}
    return Items(listings, gold, sum(shares) / max(1, len(shares)), names)


def chunks_of(found: Items) -> Iterator[list[Listing]]:
    """Whole families together while they fit; a large family in pieces (L0)."""
    waiting: list[Listing] = []
    for family in found.families:
        for at in range(0, len(family), CHUNK_ITEMS):
            piece = family[at : at + CHUNK_ITEMS]
            if waiting and len(waiting) + len(piece) > CHUNK_ITEMS:
                yield waiting
                waiting = []
            waiting = [*waiting, *piece]
    if waiting:
        yield waiting


def one_percent_changed(found: Items) -> Items:
    """The items with one in a hundred, at least one, taking over the text of the next SKU of its family."""
    changed, count = [], 0
    for family in found.families:
        now = list(family)
        for place, listing in enumerate(family):
            if count % ONE_IN == 0:
                other = family[(place + 1) % len(family)]
                now[place] = replace(
                    listing, title=other.title, description=other.description, attributes=other.attributes
                )
            count += 1
        changed.append(now)
    return replace(found, families=changed)
