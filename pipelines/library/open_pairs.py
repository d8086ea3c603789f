"""Pairs that the ranker leaves open, and what the discriminator makes of them (paper section 4.2.2; the cascade)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from scipy.special import expit, logit

from pipelines.library.answers import Answer, Usage
from pipelines.library.calibration import BOTH, DISCRIMINATOR, OperatingPoint
from pipelines.library.candidates import Candidate
from pipelines.library.discriminate import (
    DiscriminateConfig,
    Discriminator,
    Verdict,
    discriminate,
    together,
)
from pipelines.library.images import VISION_PROMPT_VERSION, Eyes
from pipelines.library.keys import KeyView
from pipelines.library.pairs import Floats, ItemPairs
from pipelines.library.ranker import RankerMeta
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.resolve import resolve
from schemas.image import IMAGES
from schemas.inference import RequestRefused
from schemas.knowledge import Evidence
from udfs.document import SEPARATOR, Document
from udfs.prompts import MAX_CANDIDATES, PROMPT_VERSION, Question, as_data, candidate_text

ALONE = 0.5
"""From where on the discriminator alone states a value, where nothing is calibrated."""
CANDIDATE_BYTES = 84
"""No tokenizer makes more tokens of a text than it has bytes: ten such candidates fit any window of 2,048 tokens."""
SHORT_BYTES = 240
"""What is shown of an item whose text the server refused as too long."""
BLIND: Mapping[int, Eyes] = MappingProxyType({})


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
    number: int,
    item: ItemPairs,
    ranked: Sequence[Floats],
    config: RecogniserConfig,
    meta: RankerMeta,
    shown: bool = False,
) -> list[OpenPair]:
    """The pairs of one item that go to the discriminator: by config all with candidates, none, or the unsure ones.

    Where the item's images are `shown`, also those that its text does not state: an image may.
    """
    if config.discriminator == "off":
        return []
    found: list[OpenPair] = []
    for key, (view, pair, p) in enumerate(zip(item.category.keys, item.pairs, ranked, strict=True)):
        best = float(p.max()) if len(p) else 0.0
        lowest = -1.0 if shown else meta.open_low
        if len(p) and (config.discriminator == "all" or lowest < best < meta.open_high):
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
    eyes: Mapping[int, Eyes] = BLIND,
    texts: Mapping[int, tuple[str, str]] | None = None,
) -> list[Answer]:
    """Answers of N open pairs, same order; the pairs of one item share their requests.

    `texts`: by item, what its family shares, and what is its own; None: as `shared_texts` tells them apart. `eyes`: by item, who is shown its images instead of the text model. A pair whose reply fails keeps the ranker's answer. Errors: InferenceError; the
    other requests are cancelled.
    """
    by_item: dict[int, list[int]] = defaultdict(list)
    for place, pair in enumerate(opened):
        by_item[pair.item].append(place)
    if texts is None:
        texts = shared_texts([opened[places[0]] for places in by_item.values()])
    calls = [
        ask_item([opened[place] for place in places], texts[item], client, config, eyes.get(item))
        for item, places in by_item.items()
    ]
    answers: list[Answer | None] = [None] * len(opened)
    for places, (verdicts, spent) in zip(by_item.values(), await together(calls), strict=True):
        usage.tokens.update(spent.tokens)
        usage.tokens["failed_pairs"] += spent.pairs["failed"]
        for place, verdict in zip(places, verdicts, strict=True):
            answers[place] = answer_of(opened[place], verdict, config, meta, point)
    return [answer for answer in answers if answer is not None]


async def ask_item(
    pairs: Sequence[OpenPair],
    texts: tuple[str, str],
    client: Discriminator,
    config: RecogniserConfig,
    eyes: Eyes | None = None,
) -> tuple[list[Verdict], Usage]:
    """The discriminator's verdicts on the open pairs of one item; `texts`: shared by its siblings, and its own.

    Where a model that sees refuses the images, the text model is asked without them. Errors: InferenceError;
    RequestRefused when even the shortest prompt is refused.
    """
    settings = DiscriminateConfig(keys_per_request=config.keys_per_request)
    questions = [question_of(pair) for pair in pairs]
    refused = Usage()
    if eyes is not None:
        try:
            verdicts, spent = await discriminate(*texts, questions, eyes.model, settings)
            spent.tokens["pairs_seen"] += len(verdicts)
            return [replace(verdict, seen=eyes.source) for verdict in verdicts], spent
        except RequestRefused:
            refused.tokens["images_refused_by_model"] += 1
    try:
        verdicts, spent = await discriminate(*texts, questions, client, settings)
    except RequestRefused:
        # Text can have several times the tokens that it looks like: one hostile item must not end the run.
        short = _first_bytes(" ".join(texts), SHORT_BYTES)
        verdicts, spent = await discriminate(short, "", questions, client, settings)
    spent.add(refused)
    return verdicts, spent


def _first_bytes(text: str, count: int) -> str:
    """The beginning of a text, at most so many bytes of UTF-8."""
    return text.encode("utf-8", "replace")[:count].decode("utf-8", "ignore")


def question_of(pair: OpenPair) -> Question:
    """A pair as the discriminator is asked about it, its candidates the likeliest first."""
    document = pair.source.text.document
    shown = tuple(
        _first_bytes(as_data(candidate_text(c.value, _words(document, c))), CANDIDATE_BYTES)
        for c in pair.offered
    )
    key = pair.view.key
    return Question(key.key_id, key.name, key.description, shown, key.multi_valued is not False)


def _words(document: Document, candidate: Candidate) -> str:
    return document.text[slice(*candidate.spans[0])] if candidate.spans else ""


def shared_texts(firsts: Sequence[OpenPair]) -> dict[int, tuple[str, str]]:
    """Per item, the text that it shares with its siblings of this call, and what is its own.

    Fields that all siblings have alike come first, so that their requests begin with the same tokens (L5).
    """
    families: dict[str, list[OpenPair]] = defaultdict(list)
    for pair in firsts:
        listing = pair.source.listing
        families[f"spu {listing.spu_id}" if listing.spu_id else f"item {listing.item_id}"].append(pair)
    texts: dict[int, tuple[str, str]] = {}
    for siblings in families.values():
        fields = [_fields(pair.source.text.document) for pair in siblings]
        common = {
            name for name, text in fields[0].items() if all(found.get(name) == text for found in fields)
        }
        if not common or len(siblings) == 1:
            common = set().union(*fields)
        for pair, found in zip(siblings, fields, strict=True):
            texts[pair.item] = (_joined(found, common), _joined(found, set(found) - common))
    return texts


def _fields(document: Document) -> dict[str, str]:
    """A document's text by field; the lines of an image are one field."""
    found: dict[str, str] = {}
    for part in document.parts:
        before = f"{found[part.name]}{SEPARATOR}" if part.name in found else ""
        found[part.name] = before + part.clean.text
    return found


def _joined(fields: dict[str, str], names: set[str]) -> str:
    return SEPARATOR.join(_labelled(name, text) for name, text in fields.items() if name in names)


def _labelled(name: str, text: str) -> str:
    if name.startswith(IMAGES):
        return f"Printed in a picture: {text}"
    return f"{name.removeprefix('attributes.')}: {text}" if name.startswith("attributes.") else text


def answer_of(
    pair: OpenPair, verdict: Verdict, config: RecogniserConfig, meta: RankerMeta, point: OperatingPoint
) -> Answer:
    """The answer that a verdict makes of a pair; a failed one leaves the ranker's."""
    document = pair.source.text.document
    if verdict.failed:
        return resolve(document, pair.view, pair.offered, pair.probabilities, point, "ranker")
    if verdict.seen:
        return _seen_answer(pair, verdict, meta)
    if config.discriminator == "all":
        p, route = np.asarray(verdict.p, np.float32), DISCRIMINATOR
        if point.calibration is None or DISCRIMINATOR not in point.calibration.values:
            point = OperatingPoint(ALONE)
    else:
        p, route = mix(pair.probabilities, verdict.p, meta), BOTH
    return resolve(document, pair.view, pair.offered, p, point, "discriminator", PROMPT_VERSION, route)


def _seen_answer(pair: OpenPair, verdict: Verdict, meta: RankerMeta) -> Answer:
    """The answer of a model that saw the images; a value without words gets them as its evidence.

    What the text does not state is the model's alone to say; elsewhere both count alike. Nothing of it is calibrated.
    """
    p = np.asarray(verdict.p, np.float32)
    if float(pair.probabilities.max()) > meta.open_low:
        p = np.asarray(expit((log_odds(pair.probabilities) + log_odds(p)) / 2), np.float32)
    version = f"{PROMPT_VERSION}+{VISION_PROMPT_VERSION}"
    document, point = pair.source.text.document, OperatingPoint(ALONE)
    answer = resolve(document, pair.view, pair.offered, p, point, "discriminator", version, DISCRIMINATOR)
    worded = {found.value for found in answer.evidence}
    shown = [Evidence(value, verdict.seen, 0, 0, "") for value in answer.values if value not in worded]
    return replace(answer, evidence=(*answer.evidence, *shown))


def mix(ranked: Floats, said: Sequence[float], meta: RankerMeta) -> Floats:
    """The ranker's and the discriminator's probabilities as one, by weights fitted on items that neither learned from."""
    constant, ranker, discriminator = meta.mix
    return np.asarray(
        expit(constant + ranker * log_odds(ranked) + discriminator * log_odds(said)), np.float32
    )


def log_odds(p: Sequence[float] | Floats) -> Floats:
    """Log-odds of probabilities, those next to 0 and 1 held back: a model's certainty is not that certain."""
    return np.asarray(logit(np.clip(np.asarray(p, np.float64), 1e-4, 1 - 1e-4)), np.float32)
