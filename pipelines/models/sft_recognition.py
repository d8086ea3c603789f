"""Training requests of the recognition family (paper sections 4.2.2 (1), 5.1): keys, values of one key, several keys with values.

Candidates are what recognition itself would offer plus frequent values, in random order; a controlled share of the questions
has the answer "none".
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.library.candidates import Candidate
from pipelines.library.keys import KeyView
from pipelines.models.own_values import own_values
from pipelines.models.sft_candidates import common_values, hard_negatives, offers, shown_candidate
from pipelines.models.sft_item import TrainingItem, question_of, share_of_none
from pipelines.models.tasks import Asked, Request, SftConfig
from udfs.document import Document
from udfs.prompts import MAX_CANDIDATES, SHARED_TOKENS, as_data, build_suffix, estimate_tokens
from udfs.prompts_tasks import judge_value
from udfs.replies import write_reply
from udfs.text import fold

ROOMS = (2, 3, 3, 4, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Pair:
    """One labelled key of an item with what recognition would offer for it."""

    key: KeyView
    gold: Sequence[str]
    offered: Sequence[Candidate]
    own: Mapping[str, int]


def value_requests(item: TrainingItem, rnd: random.Random, cfg: SftConfig) -> list[Request]:
    """Which candidates of one key does the item state: a request a key."""
    made = [Request(judge_value(a.question), write_reply([a.question], [a.choice]), (a.question.key_id,), (a,))
            for a in asked_keys(item, rnd, cfg)]  # fmt: skip
    return within(item, made, cfg)


def key_value_requests(item: TrainingItem, rnd: random.Random, cfg: SftConfig) -> list[Request]:
    """Several keys with candidates in each request, as recognition asks."""
    requests = []
    for group in _groups(item, asked_keys(item, rnd, cfg), rnd, cfg):
        questions = [one.question for one in group]
        reply = write_reply(questions, [one.choice for one in group])
        requests.append(
            Request(build_suffix(questions), reply, tuple(one.key_id for one in questions), group)
        )
    return requests


def asked_keys(item: TrainingItem, rnd: random.Random, cfg: SftConfig) -> list[Asked]:
    """Questions about an item's labelled keys, shuffled, `none_share` of them without an answer."""
    own = own_values(item.view, item.gold if item.labelled.counted else {})
    found = offers(item.text, item.view, own, item.labelled.similar(item.item_id, item.view))
    stated: list[Pair] = []
    unstated: list[Pair] = []
    for key, offered, mine in zip(item.view.keys, found, own, strict=True):
        gold = item.gold.get(key.key.key_id)
        if gold is None:
            continue
        pair = Pair(key, gold, offered, mine)
        if _has_answer(pair, rnd, cfg):
            stated.append(pair)
        elif _has_wrong(pair):
            unstated.append(pair)
    rnd.shuffle(stated)
    more, lost = share_of_none(len(stated), len(unstated), cfg.none_share, rnd)
    asked = [_asked(item, pair, number >= lost, rnd, cfg) for number, pair in enumerate(stated)]
    asked += [_asked(item, pair, False, rnd, cfg) for pair in rnd.sample(unstated, more)]
    rnd.shuffle(asked)
    return [one for one in asked if one is not None]


def within(item: TrainingItem, requests: Sequence[Request], cfg: SftConfig) -> list[Request]:
    """As many requests as one training sequence has room for."""
    spent, kept = _prefix_tokens(item), list[Request]()
    for request in requests[: cfg.most_keys]:
        spent += estimate_tokens(request.prompt) + estimate_tokens(request.reply)
        if kept and spent > cfg.most_sequence_tokens:
            break
        kept.append(request)
    return kept


def _has_answer(pair: Pair, rnd: random.Random, cfg: SftConfig) -> bool:
    """Whether a true value is among what is offered, or, at times, is put there. A computed value is never guessed."""
    if not pair.gold:
        return False
    if {fold(value) for value in pair.gold} & {c.folded for c in pair.offered}:
        return True
    return not pair.key.rule.computes and rnd.random() < cfg.unseen_gold_offered


def _has_wrong(pair: Pair) -> bool:
    true = {fold(value) for value in pair.gold}
    return any(c.folded not in true for c in pair.offered) or bool(common_values(pair.key, true, pair.own))


def _asked(
    item: TrainingItem, pair: Pair, answered: bool, rnd: random.Random, cfg: SftConfig
) -> Asked | None:
    """One question; None where nothing can be offered."""
    true = {fold(value) for value in pair.gold}
    document = item.text.document
    right = _right(pair, document)[: MAX_CANDIDATES - 1] if answered else []
    room = max(rnd.choice(ROOMS) - len(right), 1)
    chosen: dict[str, tuple[str, bool]] = {as_data(text).lower(): (text, True) for text in right}
    for wrong in hard_negatives(pair.key, true, pair.offered, pair.own, room, rnd):
        text = shown_candidate(wrong, document) if isinstance(wrong, Candidate) else wrong
        chosen.setdefault(as_data(text).lower(), (text, False))
    mixed = list(chosen.values())[:MAX_CANDIDATES]
    if not mixed:
        return None
    rnd.shuffle(mixed)
    choice = tuple(number for number, (_, is_true) in enumerate(mixed) if is_true)
    multi = item.several(pair.key) or len(choice) > 1 or rnd.random() < cfg.asked_for_several
    return Asked(question_of(pair.key, [text for text, _ in mixed], multi), choice)


def _right(pair: Pair, document: Document) -> list[str]:
    """The true values as recognition would show them; those that it would not find, as they are written in gold."""
    found = {c.folded: shown_candidate(c, document) for c in pair.offered}
    right = {value: found[value] for value in map(fold, pair.gold) if value in found}
    if not pair.key.rule.computes:
        for value in pair.gold:
            right.setdefault(fold(value), value)
    return [right[value] for value in sorted(right)]


def _groups(
    item: TrainingItem, asked: Sequence[Asked], rnd: random.Random, cfg: SftConfig
) -> Iterator[tuple[Asked, ...]]:
    """Split an item's questions into requests of 1 to `most_keys`, as far as the sequence has room."""
    spent, at = _prefix_tokens(item), 0
    while at < len(asked):
        size = rnd.choice((1, 2, 4, cfg.most_keys, cfg.most_keys))
        taken: list[Asked] = []
        while at < len(asked) and len(taken) < size and spent < cfg.most_sequence_tokens:
            spent += 10 + sum(2 + estimate_tokens(text) for text in asked[at].question.candidates)
            taken.append(asked[at])
            at += 1
        if not taken:
            return
        yield tuple(taken)


def _prefix_tokens(item: TrainingItem) -> int:
    return min(estimate_tokens(item.shared[: SHARED_TOKENS * 6]), SHARED_TOKENS) + 40
