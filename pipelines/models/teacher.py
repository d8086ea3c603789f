"""Labels by a reference model (paper section 4.2.2: M_T(x, k, C_k) -> C*_k), kept only where it agrees with itself and is sure.

What the text may state beyond the candidates is read out first (extraction); everything that is found is then asked about,
several times with keys and candidates in another order (recognition), through the prompts that the model is trained on. A
label is kept when all votes choose the same values and the least sure of them is sure enough.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.library.candidates import Candidate, ItemText, item_text
from pipelines.library.discriminate import DiscriminateConfig, Discriminator, Verdict, discriminate
from pipelines.library.keys import SCENARIO_KEY, CategoryView, KeyView
from pipelines.models.own_values import own_values
from pipelines.models.sft_candidates import offers, shortlist, shown_candidate
from pipelines.models.sft_item import question_of
from pipelines.models.sft_surfaces import value_of
from schemas.inference import BadReply
from schemas.listing import Listing
from udfs.document import document
from udfs.prompts import MAX_CANDIDATES, as_data
from udfs.prompts_tasks import ask_value, item_prefix, shown_texts
from udfs.replies import ReplyRejected
from udfs.replies_tasks import find_words, longest_values, parse_values, values_regex
from udfs.text import fold

EXTRACTED = "read"


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """How a reference model is asked, and how sure it must be. `logprobs` 0: its votes alone count (some servers report none)."""

    model: str
    votes: int = 2
    confidence: float = 0.7
    extract: bool = True
    keys_per_request: int = 8
    logprobs: int = 12
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ToLabel:
    """One listing and the keys to be labelled. `gold`: what is known of it already; `similar`: as search finds, or nothing."""

    listing: Listing
    view: CategoryView
    key_ids: frozenset[str]
    gold: Mapping[str, Sequence[str]] = field(default_factory=dict)
    similar: Sequence[Mapping[int, float]] = ()


@dataclass(frozen=True, slots=True)
class PseudoLabel:
    """The values of one key (none: not stated) and how sure the least sure vote was."""

    key_id: str
    values: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labels of one item that passed, and how many keys did not, by reason."""

    item_id: str
    labels: tuple[PseudoLabel, ...]
    dropped: Mapping[str, int]


async def label_item(item: ToLabel, client: Discriminator, cfg: TeacherConfig) -> Labelled:
    """Ask the reference model about one item's keys and keep what passes.

    Dropped keys are counted as nothing_offered, failed (no usable reply), disagreed or unsure.
    Errors: ServerUnavailable, RequestRefused.
    """
    found = document(item.listing)
    text = item_text(found)
    pools = await _pools(item, text, client, cfg)
    asked = [(key, pool) for key, pool in pools if pool]
    dropped = Counter({"nothing_offered": len(pools) - len(asked)})
    votes = await asyncio.gather(*(_vote(item, text, asked, n, client, cfg) for n in range(cfg.votes)))
    labels = []
    for key, _ in asked:
        decided = _decided([vote[key.key.key_id] for vote in votes], cfg)
        if isinstance(decided, str):
            dropped[decided] += 1
        else:
            labels.append(PseudoLabel(key.key.key_id, *decided))
    return Labelled(item.listing.item_id, tuple(labels), {why: n for why, n in dropped.items() if n})


async def _pools(
    item: ToLabel, text: ItemText, client: Discriminator, cfg: TeacherConfig
) -> list[tuple[KeyView, list[Candidate]]]:
    """Per key to be labelled, the likeliest candidates, and before them what the reference model reads out of the text."""
    own = own_values(item.view, item.gold)
    wanted = [
        (position, key, offered)
        for position, (key, offered) in enumerate(
            zip(item.view.keys, offers(text, item.view, own, item.similar), strict=True)
        )
        if key.key.key_id in item.key_ids and key.key.key_id != SCENARIO_KEY
    ]
    read = await asyncio.gather(*(_read(item, text, position, client, cfg) for position, _, _ in wanted))
    pools = []
    for (_, key, offered), more in zip(wanted, read, strict=True):
        known = {c.folded: c for c in offered}
        first = {c.folded: known.get(c.folded, c) for c in more}
        rest = [c for c in shortlist(offered) if c.folded not in first]
        pools.append((key, [*first.values(), *rest][:MAX_CANDIDATES]))
    return pools


async def _read(
    item: ToLabel, text: ItemText, position: int, client: Discriminator, cfg: TeacherConfig
) -> list[Candidate]:
    """What the reference model copies from the text for one key, as values; nothing where rules compute its values."""
    key = item.view.keys[position]
    if not cfg.extract or key.rule.computes:
        return []
    question = question_of(key, (), key.key.multi_valued is not False)
    prompt = item_prefix(text.document.text, "") + ask_value(question)
    regex = values_regex(key.key.name)
    try:
        reply = await client.complete(prompt, longest_values(question.multi), regex=regex)
        said = parse_values(reply.text, key.key.name, shown_texts(text.document.text, ""))
    except (ReplyRejected, BadReply):
        return []
    found = []
    for stated in said:
        place = find_words(stated.words, (text.document.text,))
        if place is not None:
            value = value_of(stated.words, item.view, position)
            found.append(Candidate(value, -1, 0, [(place.start, place.end)], {EXTRACTED}))
    return found


async def _vote(
    item: ToLabel,
    text: ItemText,
    asked: Sequence[tuple[KeyView, Sequence[Candidate]]],
    number: int,
    client: Discriminator,
    cfg: TeacherConfig,
) -> dict[str, tuple[Verdict, tuple[str, ...]]]:
    """One vote on all keys: the verdict on each, with the values that its candidates stand for."""
    rnd = random.Random(f"{cfg.seed}/{item.listing.item_id}/{number}")
    order = rnd.sample(list(asked), len(asked))
    questions, values = [], []
    for key, pool in order:
        shown = {as_data(shown_candidate(c, text.document)).lower(): c for c in pool}
        mixed = rnd.sample(list(shown.values()), len(shown))
        texts = [shown_candidate(c, text.document) for c in mixed]
        questions.append(question_of(key, texts, key.key.multi_valued is not False))
        values.append(tuple(c.value for c in mixed))
    settings = DiscriminateConfig(keys_per_request=cfg.keys_per_request, logprobs=cfg.logprobs)
    verdicts, _ = await discriminate(text.document.text, "", questions, client, settings)
    return {one.key_id: (one, known) for one, known in zip(verdicts, values, strict=True)}


def _decided(
    votes: Sequence[tuple[Verdict, tuple[str, ...]]], cfg: TeacherConfig
) -> tuple[tuple[str, ...], float] | str:
    """Values and confidence that the votes come to; or why they come to nothing."""
    if any(verdict.failed for verdict, _ in votes):
        return "failed"
    chosen = [{fold(values[n]): values[n] for n in verdict.chosen} for verdict, values in votes]
    if any(one.keys() != chosen[0].keys() for one in chosen):
        return "disagreed"
    sure = 1.0 if not cfg.logprobs else min(vote_confidence(verdict) for verdict, _ in votes)
    if sure < cfg.confidence:
        return "unsure"
    return tuple(sorted(chosen[0].values())), round(sure, 4)


def vote_confidence(verdict: Verdict) -> float:
    """How sure one vote is of the candidate that it is least sure of, chosen or not.

    >>> vote_confidence(Verdict("color", (1,), (0.1, 0.8)))
    0.8
    """
    sure = [p if n in verdict.chosen else 1 - p for n, p in enumerate(verdict.p)]
    return min(sure, default=0.0)


def row_of(found: Labelled, cfg: TeacherConfig, prompts: Sequence[str]) -> dict[str, Any]:
    """The labels of one item as a line of a file, with where they come from."""
    return {
        "item_id": found.item_id,
        "labels": [
            {"key_id": one.key_id, "values": list(one.values), "confidence": one.confidence}
            for one in found.labels
        ],
        "dropped": dict(found.dropped),
        "teacher": provenance(cfg, prompts),
    }


def provenance(cfg: TeacherConfig, prompts: Sequence[str]) -> dict[str, Any]:
    """Which model labelled, by which prompts, and what was asked of it: what a label's worth depends on."""
    return {
        "model": cfg.model,
        "prompts": list(prompts),
        "votes": cfg.votes,
        "confidence": cfg.confidence,
        "extract": cfg.extract,
        "logprobs": cfg.logprobs > 0,
        "seed": cfg.seed,
    }


@dataclass(slots=True)
class Agreement:
    """How a reference model's labels compare with gold: values right, wrong and missed, of so many pairs; pairs it kept."""

    pairs: int = 0
    kept: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0

    def add(self, labels: Sequence[PseudoLabel], gold: Mapping[str, Sequence[str]]) -> None:
        """Count one item. A pair that was not kept is not counted as missed: the filter is there to drop pairs."""
        self.pairs += len(gold)
        for label in labels:
            if label.key_id in gold:
                said, true = set(map(fold, label.values)), set(map(fold, gold[label.key_id]))
                self.kept += 1
                self.right += len(said & true)
                self.wrong += len(said - true)
                self.missed += len(true - said)

    def __str__(self) -> str:
        precision = self.right / max(1, self.right + self.wrong)
        recall = self.right / max(1, self.right + self.missed)
        return (
            f"against gold: kept {self.kept} of {self.pairs} pairs; among those kept, "
            f"precision {precision:.3f}, recall {recall:.3f} of values"
        )
