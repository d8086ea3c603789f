"""Slots over made families with gold labels: each member's true answers as the reference's, what its siblings' slots then say."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from infra.demo.families import FamilyConfig
from pipelines.library.answers import Answer
from pipelines.library.candidates import item_text
from pipelines.library.keys import CategoryViews
from pipelines.library.pairs import ItemPairs, item_pairs
from pipelines.library.resolve import evidence_of, value_id
from pipelines.ontology.interchange import load_interchange
from pipelines.reduction.difference import Noted, noted
from pipelines.reduction.slots import Slot, read
from schemas.listing import Listing
from tests.benchmarks.throughput_plan import Gold, items_of
from udfs.document import document
from udfs.text import fold

ONTOLOGY = Path(__file__).resolve().parents[4] / "infra/demo/catalog/ontology"


@dataclass(frozen=True)
class Member:
    """A listing with its candidates, and what its words name."""

    listing: Listing
    pairs: ItemPairs
    notes: Noted


def member(listing: Listing, views: CategoryViews) -> Member:
    view, text = views.of(str(listing.category_id)), document(listing)
    similar: list[dict[int, float]] = [{} for _ in view.keys]
    return Member(
        listing,
        item_pairs(0, listing, text, view, similar, top_k=10),
        noted(listing, view, item_text(text)),
    )


def true_answer(one: Member, place: int, gold: Gold) -> Answer | None:
    """The answer that the labels give, with its words; None for one that is not stated or no candidate."""
    view, pair = one.pairs.category.keys[place], one.pairs.pairs[place]
    values = gold[one.listing.item_id].get(view.key.key_id, [])
    by_value = {fold(candidate.value): candidate for candidate in pair.candidates}
    if not values or not all(fold(value) in by_value for value in values):
        return None
    chosen = [by_value[fold(value)] for value in values]
    evidence = [found for one_ in chosen for found in evidence_of(one.pairs.text.document, one_)]
    names = tuple(candidate.value for candidate in chosen)
    ids = tuple(value_id(view, candidate) for candidate in chosen)
    return Answer(view.key.key_id, names, ids, tuple(evidence), 0.9, "ranker")


def test_what_slots_say_of_made_families_is_true():
    views, said = CategoryViews(load_interchange(ONTOLOGY)), Counter[str]()
    found = items_of(FamilyConfig(12, 5, "slots"))
    for family in found.families:
        members = [member(listing, views) for listing in family]
        for there, here in permutations(members, 2):
            for place, view in enumerate(there.pairs.category.keys):
                answer = true_answer(there, place, found.gold)
                if answer is None:
                    continue
                notes = here.notes.notes[place], there.notes.notes[place]
                candidates = here.pairs.pairs[place].candidates
                text = here.pairs.text.document
                slot = Slot(view, text, here.listing, there.listing, notes, candidates)
                told = read(slot, answer)
                if told is None:
                    said["asked"] += 1
                    continue
                true = found.gold[here.listing.item_id].get(view.key.key_id, [])
                said["right" if set(map(fold, told.values)) == set(map(fold, true)) else "wrong"] += 1
                for one in told.evidence:
                    raw = {"title": here.listing.title, "description": here.listing.description}.get(
                        one.source_field
                    )
                    assert raw is None or raw[one.start : one.end] == one.words
    assert said["right"] > 100 and said["wrong"] <= said["right"] / 200, said
