"""How good the discriminator is alone, on held-out items: with gold among the candidates, and with those search offers."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.library.answers import Usage
from pipelines.library.candidates import Candidate, item_text
from pipelines.library.discriminate import DiscriminateConfig, Discriminator, Verdict, discriminate
from pipelines.library.keys import KeyView
from pipelines.models.labelled import LabelledSet
from pipelines.models.own_values import own_values
from pipelines.models.sft_candidates import hard_negatives, offers, shown_candidate
from udfs.document import Document, document
from udfs.prompts import MAX_CANDIDATES, Question
from udfs.text import fold

GOLD_OFFERED = "gold_offered"
SEARCHED = "searched"
MODES = (GOLD_OFFERED, SEARCHED)
SURE = 0.9


@dataclass(frozen=True, slots=True)
class Posed:
    """One held-out pair as a question: what each candidate means, folded, and what is true."""

    question: Question
    values: tuple[str, ...]
    gold: frozenset[str]


@dataclass(frozen=True, slots=True)
class Score:
    """Micro precision, recall and F1 over all values of all pairs; and of the values the model is at least .9 sure of."""

    precision: float
    recall: float
    f1: float
    pairs: int
    failed: int
    sure_values: int
    sure_precision: float


async def evaluate(
    labelled: LabelledSet, item_ids: Sequence[str], mode: str, client: Discriminator, cfg: DiscriminateConfig
) -> tuple[Score, Usage]:
    """Ask every gold pair of the items. Errors: as `discriminate`."""
    posed = {item_id: poses(labelled, item_id, mode) for item_id in item_ids}
    texts = {item_id: document(labelled.listings[item_id]).text for item_id in item_ids}
    calls = [
        discriminate(texts[item_id], "", [one.question for one in asked], client, cfg)
        for item_id, asked in posed.items()
    ]
    usage, counts = Usage(), Counter[str]()
    for asked, (verdicts, spent) in zip(posed.values(), await asyncio.gather(*calls), strict=True):
        usage.add(spent)
        for one, verdict in zip(asked, verdicts, strict=True):
            counts.update(_counted(one, verdict))
    unasked = sum(_gold_unasked(labelled, item_id, asked) for item_id, asked in posed.items())
    counts["missed"] += unasked
    return _score(counts), usage


def poses(labelled: LabelledSet, item_id: str, mode: str) -> list[Posed]:
    """The questions of one held-out item: its gold pairs that have candidates."""
    listing = labelled.listings[item_id]
    view = labelled.views.of(str(listing.category_id))
    text, rnd = document(listing), random.Random(item_id)
    found = offers(item_text(text), view, own_values(view, {}))
    posed = []
    for position, key in enumerate(view.keys):
        gold = labelled.gold[item_id].get(key.key.key_id)
        if gold is None:
            continue
        offered = (
            _searched(found[position])
            if mode == SEARCHED
            else _with_gold(key, gold, found[position], text, rnd)
        )
        shown = {shown_candidate(c, text) if isinstance(c, Candidate) else c: _meaning(c) for c in offered}
        if shown:
            multi = (view.category_id, key.key.key_id) in labelled.several
            question = Question(key.key.key_id, key.key.name, key.key.description, tuple(shown), multi)
            posed.append(Posed(question, tuple(shown.values()), frozenset(map(fold, gold))))
    return posed


def _searched(offered: Sequence[Candidate]) -> list[Candidate]:
    """The first ten that words and extraction find: known values, computed ones, phrases."""
    return sorted(
        offered, key=lambda c: (not c.spans, c.sources == {"phrase"}, c.position < 0, -c.frequency)
    )[:MAX_CANDIDATES]


def _with_gold(
    key: KeyView, gold: Sequence[str], offered: Sequence[Candidate], text: Document, rnd: random.Random
) -> list[Candidate | str]:
    true = {fold(value) for value in gold}
    found: dict[str, Candidate | str] = {c.folded: c for c in offered if c.folded in true}
    right = [found.get(fold(value), value) for value in dict.fromkeys(gold)][: MAX_CANDIDATES - 1]
    wrong = hard_negatives(key, true, offered, {}, MAX_CANDIDATES - len(right), rnd)
    mixed = [*right, *wrong]
    rnd.shuffle(mixed)
    return mixed


def _meaning(candidate: Candidate | str) -> str:
    return candidate.folded if isinstance(candidate, Candidate) else fold(candidate)


def _counted(one: Posed, verdict: Verdict) -> Counter[str]:
    said = {one.values[number] for number in verdict.chosen}
    sure = [one.values[number] in one.gold for number, p in enumerate(verdict.p) if p >= SURE]
    return Counter(
        pairs=1,
        failed=int(verdict.failed),
        right=len(said & one.gold),
        wrong=len(said - one.gold),
        missed=len(one.gold - said),
        sure=len(sure),
        sure_right=sum(sure),
    )


def _gold_unasked(labelled: LabelledSet, item_id: str, asked: Sequence[Posed]) -> int:
    """Gold values of pairs for which nothing was found: missed without a question."""
    keys = {one.question.key_id for one in asked}
    return sum(
        len(set(map(fold, values))) for key, values in labelled.gold[item_id].items() if key not in keys
    )


def _score(counts: Counter[str]) -> Score:
    precision = counts["right"] / max(1, counts["right"] + counts["wrong"])
    recall = counts["right"] / max(1, counts["right"] + counts["missed"])
    return Score(
        precision=round(precision, 4),
        recall=round(recall, 4),
        f1=round(2 * precision * recall / max(1e-9, precision + recall), 4),
        pairs=counts["pairs"],
        failed=counts["failed"],
        sure_values=counts["sure"],
        sure_precision=round(counts["sure_right"] / max(1, counts["sure"]), 4),
    )
