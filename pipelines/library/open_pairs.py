"""Pairs that the ranker leaves open, and what the discriminator makes of them (paper section 4.2.2; the cascade)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from pipelines.library.answers import Answer, Usage
from pipelines.library.calibration import BOTH, DISCRIMINATOR, OperatingPoint
from pipelines.library.candidates import Candidate
from pipelines.library.discriminate import DiscriminateConfig, Discriminator, Verdict, discriminate
from pipelines.library.keys import KeyView
from pipelines.library.pairs import Floats, ItemPairs
from pipelines.library.ranker import RankerMeta
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.resolve import resolve
from schemas.inference import RequestRefused
from udfs.document import SEPARATOR, Document
from udfs.prompts import MAX_CANDIDATES, PROMPT_VERSION, Question, as_data, candidate_text

ALONE = 0.5
"""From where on the discriminator alone states a value, where nothing is calibrated."""
CANDIDATE_BYTES = 84
"""No tokenizer makes more tokens of a text than it has bytes: ten such candidates fit any window of 2,048 tokens."""
SHORT_BYTES = 240
"""What is shown of an item whose text the server refused as too long."""


@dataclass(frozen=True, slots=True)
class OpenPair:
    """One pair for the discriminator: the likeliest candidates and what the ranker thinks of them."""

    item: int
    key: int
    view: KeyView
    source: ItemPairs
    offered: tuple[Candidate, ...]
    probabilities: Floats


def open_pairs(
    number: int, item: ItemPairs, ranked: Sequence[Floats], config: RecogniserConfig, meta: RankerMeta
) -> list[OpenPair]:
    """The pairs of one item that go to the discriminator: by config all with candidates, none, or the unsure ones."""
    if config.discriminator == "off":
        return []
    found: list[OpenPair] = []
    for key, (view, pair, p) in enumerate(zip(item.category.keys, item.pairs, ranked, strict=True)):
        best = float(p.max()) if len(p) else 0.0
        if len(p) and (config.discriminator == "all" or meta.open_low < best < meta.open_high):
            order = np.argsort(-p, kind="stable")[: min(config.top_k, MAX_CANDIDATES)]
            offered = tuple(pair.candidates[place] for place in order)
            found.append(OpenPair(number, key, view, item, offered, p[order]))
    return found


async def ask_discriminator(
    opened: Sequence[OpenPair],
    client: Discriminator,
    config: RecogniserConfig,
    meta: RankerMeta,
    point: OperatingPoint,
    usage: Usage,
) -> list[Answer]:
    """Answers of N open pairs, same order; the pairs of one item share their requests.

    A pair whose reply fails keeps the ranker's answer. Errors: InferenceError.
    """
    by_item: dict[int, list[int]] = defaultdict(list)
    for place, pair in enumerate(opened):
        by_item[pair.item].append(place)
    shared = _shared_texts([opened[places[0]] for places in by_item.values()])
    groups = list(by_item.values())
    calls = [
        ask_item([opened[place] for place in places], shared[opened[places[0]].item], client, config)
        for places in groups
    ]
    answers: list[Answer | None] = [None] * len(opened)
    for places, (verdicts, spent) in zip(groups, await asyncio.gather(*calls), strict=True):
        usage.tokens.update(spent.tokens)
        usage.tokens["failed_pairs"] += spent.pairs["failed"]
        for place, verdict in zip(places, verdicts, strict=True):
            answers[place] = _answer(opened[place], verdict, config, meta, point)
    return [answer for answer in answers if answer is not None]


async def ask_item(
    pairs: Sequence[OpenPair], texts: tuple[str, str], client: Discriminator, config: RecogniserConfig
) -> tuple[list[Verdict], Usage]:
    """The discriminator's verdicts on the open pairs of one item; `texts`: shared by its siblings, and its own."""
    """Verdicts on one item. Errors: InferenceError; RequestRefused when even its shortest prompt is refused."""
    settings = DiscriminateConfig(keys_per_request=config.keys_per_request)
    questions = [_question(pair) for pair in pairs]
    try:
        return await discriminate(*texts, questions, client, settings)
    except RequestRefused:
        # Text can have several times the tokens that it looks like: one hostile item must not end the run.
        return await discriminate(_first_bytes(" ".join(texts), SHORT_BYTES), "", questions, client, settings)


def _first_bytes(text: str, count: int) -> str:
    """The beginning of a text, at most so many bytes of UTF-8."""
    return text.encode("utf-8", "replace")[:count].decode("utf-8", "ignore")


def _question(pair: OpenPair) -> Question:
    document = pair.source.text.document
    shown = tuple(
        _first_bytes(as_data(candidate_text(c.value, _words(document, c))), CANDIDATE_BYTES)
        for c in pair.offered
    )
    key = pair.view.key
    return Question(key.key_id, key.name, key.description, shown, key.multi_valued is not False)


def _words(document: Document, candidate: Candidate) -> str:
    return document.text[slice(*candidate.spans[0])] if candidate.spans else ""


def _shared_texts(firsts: Sequence[OpenPair]) -> dict[int, tuple[str, str]]:
    """Per item, the text that it shares with its siblings of this call, and what is its own.

    Fields that all siblings have alike come first, so that their requests begin with the same tokens (L5).
    """
    families: dict[str, list[OpenPair]] = defaultdict(list)
    for pair in firsts:
        listing = pair.source.listing
        families[f"spu {listing.spu_id}" if listing.spu_id else f"item {listing.item_id}"].append(pair)
    texts: dict[int, tuple[str, str]] = {}
    for siblings in families.values():
        fields = [
            {part.name: part.clean.text for part in pair.source.text.document.parts} for pair in siblings
        ]
        common = {
            name for name, text in fields[0].items() if all(found.get(name) == text for found in fields)
        }
        if not common or len(siblings) == 1:
            common = set().union(*fields)
        for pair, found in zip(siblings, fields, strict=True):
            texts[pair.item] = (_joined(found, common), _joined(found, set(found) - common))
    return texts


def _joined(fields: dict[str, str], names: set[str]) -> str:
    return SEPARATOR.join(_labelled(name, text) for name, text in fields.items() if name in names)


def _labelled(name: str, text: str) -> str:
    return f"{name.removeprefix('attributes.')}: {text}" if name.startswith("attributes.") else text


def _answer(
    pair: OpenPair, verdict: Verdict, config: RecogniserConfig, meta: RankerMeta, point: OperatingPoint
) -> Answer:
    document = pair.source.text.document
    if verdict.failed:
        return resolve(document, pair.view, pair.offered, pair.probabilities, point, "ranker")
    if config.discriminator == "all":
        p, route = np.asarray(verdict.p, np.float32), DISCRIMINATOR
        if point.calibration is None or DISCRIMINATOR not in point.calibration.values:
            point = OperatingPoint(ALONE)
    else:
        p, route = mix(pair.probabilities, verdict.p, meta), BOTH
    return resolve(document, pair.view, pair.offered, p, point, "discriminator", PROMPT_VERSION, route)


def mix(ranked: Floats, said: Sequence[float], meta: RankerMeta) -> Floats:
    """The ranker's and the discriminator's probabilities as one, by weights fitted on items that neither learned from."""
    constant, ranker, discriminator = meta.mix
    return np.asarray(
        expit(constant + ranker * log_odds(ranked) + discriminator * log_odds(said)), np.float32
    )


def log_odds(p: Sequence[float] | Floats) -> Floats:
    """Log-odds of probabilities, those next to 0 and 1 held back: a model's certainty is not that certain."""
    return np.asarray(logit(np.clip(np.asarray(p, np.float64), 1e-4, 1 - 1e-4)), np.float32)
