"""What an evaluation runs on: listings, gold labels, ontology; whole, or the held-out fifth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.apps.gold import read_gold
from pipelines.apps.split_ontology import training_ontology
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.snapshot import Snapshot
from pipelines.tunnel.intake import read_listings
from schemas.gold import GoldPair
from schemas.listing import Listing
from schemas.shard import ShardItem
from udfs.split import split_fifth

HELD_OUT_FIFTH = "held-out-fifth"


class NothingToScore(ValueError):
    """Gold labels and listings that have no item in common."""


@dataclass(frozen=True)
class EvaluationSet:
    """Listings to recognise, the gold pairs to score, the ontology to answer from, and listings refused."""

    listings: tuple[Listing, ...]
    gold: tuple[GoldPair, ...]
    ontology: Snapshot
    rejects: Counter[str]
    split: str | None


def load_set(ontology: Path, listings: Path, gold: Path, now_ms: int, split: str | None) -> EvaluationSet:
    """Read an interchange set; with a split, its held-out part and the ontology of its training part.

    Errors: OntologyRefused, IntakeError, BadGold, NothingToScore.
    """
    snapshot = load_interchange(ontology)
    kept: list[Listing] = []
    rejects: Counter[str] = Counter()
    for entry in read_listings([listings], now_ms, default_event_ms=now_ms):
        if isinstance(entry, ShardItem):
            kept.append(entry.listing)
        else:
            rejects[entry.reason] += 1
    pairs = read_gold(gold)
    if not {pair.item_id for pair in pairs} & {listing.item_id for listing in kept}:
        raise NothingToScore(f"{gold}: none of its items is in {listings}; give the labels of these listings")
    if split is None:
        return EvaluationSet(tuple(kept), tuple(pairs), snapshot, rejects, None)
    return _held_out(snapshot, kept, pairs, rejects, split)


def training_part(found: EvaluationSet) -> list[Listing]:
    """What a model may learn from: all but the held-out fifth, where the category is known.

    The whole set is split, before anything is left out: the fifth depends on which families there are.
    """
    train, _ = split_fifth(found.listings)
    return [listing for listing in train if listing.category_id in found.ontology.categories]


def _held_out(
    snapshot: Snapshot,
    listings: Sequence[Listing],
    gold: Sequence[GoldPair],
    rejects: Counter[str],
    split: str,
) -> EvaluationSet:
    if split != HELD_OUT_FIFTH:
        raise ValueError(f"unknown split {split!r}; there is {HELD_OUT_FIFTH}")
    train, held_out = split_fifth(listings)
    ids = {listing.item_id for listing in held_out}
    pairs = tuple(pair for pair in gold if pair.item_id in ids)
    if not pairs:
        raise NothingToScore("the held-out fifth has no labelled item: the set is too small to be split")
    return EvaluationSet(tuple(held_out), pairs, training_ontology(snapshot, gold, train), rejects, split)
