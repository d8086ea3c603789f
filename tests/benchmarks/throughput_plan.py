"""What `make bench-throughput` recognises, and in which ways: items with labels, chunks, changed items, variants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from infra.demo.families import FamilyConfig, families, gold_rows, shared_share
from infra.demo.tree import LEAVES
from pipelines.reduction.config import NO_REDUCTION, Reduction, reduce_of
from pipelines.tunnel.offline import ShardConfig
from schemas.derive import parse_record
from schemas.listing import Listing
from udfs.document import document
from udfs.prompts import as_data
from udfs.text import fold

CHUNK_ITEMS = ShardConfig().chunk_rows
ONE_IN, TURNS = 100, 4
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


NAIVE = Variant("naive")
PAPER = Variant("paper_parts", PAPER_REDUCTION, flows=True, cache=True)
PAPER_8_KEYS = replace(PAPER, name="paper_parts_8_keys", keys_per_request=8)
ALL = replace(PAPER, name="all", mode="cascade")
VARIANTS = (
    NAIVE,
    Variant("reduction", REDUCED),
    Variant("reduction_sku", Reduction(neighbour_cosine=REDUCED.neighbour_cosine)),
    Variant("reduction_attribute", Reduction(task_a=REDUCED.task_a, task_b=REDUCED.task_b)),
    Variant("reduction_candidates", Reduction(least_chance=REDUCED.least_chance)),
    Variant("cache", Reduction(shared_first=True), cache=True),
    Variant("cache_8_keys", Reduction(shared_first=True), keys_per_request=8, cache=True),
    Variant("async", flows=True),
    PAPER,
    PAPER_8_KEYS,
    Variant("cascade", mode="cascade"),
    ALL,
)


@dataclass(frozen=True, slots=True)
class Items:
    """What is recognised: listings, family by family, and their labels; and of each family a SKU that is not recognised."""

    families: list[list[Listing]]
    gold: Gold
    shared: float
    key_names: dict[str, str]
    unseen: list[Listing]

    @property
    def shown_gold(self) -> dict[str, dict[str, list[str]]]:
        """Labels by what a prompt shows: the title as data, the key's name; values folded."""
        return {
            as_data(document(listing).parts[0].clean.text): {
                self.key_names[f"{listing.category_id}/{key_id}"]: list(map(fold, values))
                for key_id, values in self.gold[listing.item_id].items()
            }
            for listing in (*self.listings, *self.unseen)
        }

    @property
    def listings(self) -> list[Listing]:
        """All listings in order."""
        return [listing for family in self.families for listing in family]


def items_of(config: FamilyConfig) -> Items:
    """Make families and their labels; families of one have nothing unseen."""
    more = 1 if config.size > 1 else 0
    made = list(families(replace(config, size=config.size + more)))
    gold: Gold = {}
    for draft in (draft for family in made for draft in family):
        for row in gold_rows(draft):
            gold.setdefault(str(row["item_id"]), {})[str(row["key_id"])] = list(row["values"])  # type: ignore[call-overload]
    listings = [[parse_record(Listing, draft.row) for draft in family] for family in made]
    shares = [shared_share([draft.row for draft in family[: config.size]]) for family in made]
    names = {f"{leaf.category_id}/{key.key_id}": key.name for leaf in LEAVES for key in leaf.keys}
    return Items(
        [family[: config.size] for family in listings],
        gold,
        sum(shares) / max(1, len(shares)),
        names,
        [family[-1] for family in listings if more],
    )


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


def one_percent_changed(found: Items, turn: int = 0) -> Items:
    """The items with one in a hundred, at least one, saying what a SKU of its family says that was never recognised.

    `turn`: which ones. Errors: ValueError for families of one, and where there are too few items to change one.
    """
    apart = len(found.listings) // TURNS + 1  # not a whole number of families: another place in each
    changed, gold, count = [], dict(found.gold), ONE_IN - 1 - turn * apart
    for family, unseen in zip(found.families, found.unseen, strict=True):
        now = list(family)
        for place, listing in enumerate(family):
            count += 1
            if count % ONE_IN == 0:
                gold[listing.item_id] = gold[unseen.item_id]
                now[place] = replace(
                    listing, title=unseen.title, description=unseen.description, attributes=unseen.attributes
                )
        changed.append(now)
    if changed == found.families:
        raise ValueError(f"{len(found.listings)} items: none would change in turn {turn}; take more families")
    return replace(found, families=changed, gold=gold)
