"""Lets several answerers answer the held-out items of labelled sets in one run: model versions, the floor, a base model."""

from __future__ import annotations

import asyncio
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jobs import recogniser as opening
from jobs.model.elsewhere import CheckoutFailed, Elsewhere
from jobs.models import MODEL_ERRORS
from jobs.stage_progress import stage_progress
from pipelines.apps.contest import Outcome, pair_results
from pipelines.apps.evaluation import score
from pipelines.apps.evaluation_set import HELD_OUT_FIFTH, EvaluationSet, load_set
from pipelines.apps.floor import LongestValue
from pipelines.apps.recognise_set import EvaluationOptions, recognise_set
from pipelines.apps.split_ontology import cached_interchange
from pipelines.library.recogniser import Recogniser
from pipelines.models.model_set import ModelSet
from pipelines.ontology.errors import ModelMismatch
from schemas.inference import InferenceError
from udfs.split import split_group

LISTINGS, GOLD, ONTOLOGY = "listings.jsonl", "gold.jsonl", "ontology"


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who answers: a name, and how it is opened over an ontology (given as content and as a folder)."""

    name: str
    open: Callable[[EvaluationSet, Path], Recogniser]


def of_version(name: str, models: ModelSet, options: EvaluationOptions) -> Contender:
    """A model version, by the servers that `options` name."""
    chosen = replace(options, models_dir=str(models.folder))
    return Contender(name, lambda _set, folder: opening.open_evaluation_recogniser(folder, chosen))


def floor() -> Contender:
    """The longest ontology value found."""
    return Contender("floor", lambda found, _folder: LongestValue(found.ontology))


def of_checkout(name: str, checkout: Path, options: EvaluationOptions) -> Contender:
    """Another checkout of this project, with the weights that lie in it."""
    return Contender(
        name,
        lambda found, folder: Elsewhere(checkout.absolute(), folder, found.listings, options.discriminator),
    )


def of_base(models: ModelSet, options: EvaluationOptions, url: str) -> Contender:
    """A base model that learned nothing of ours, asked about every pair with candidates, uncalibrated."""
    chosen = replace(
        options, models_dir=str(models.folder), discriminator="all", discriminator_url=url, is_base=True
    )
    return Contender(
        "zero-shot base", lambda _set, folder: opening.open_evaluation_recogniser(folder, chosen)
    )


def held_out(folder: Path, families: int = 0) -> EvaluationSet:
    """The held-out fifth of a labelled set; `families`: only so many product families of it, the same each time.

    Errors: those of `load_set`.
    """
    now_ms = time.time_ns() // 1_000_000
    found = load_set(folder / ONTOLOGY, folder / LISTINGS, folder / GOLD, now_ms, HELD_OUT_FIFTH)
    if not families:
        return found
    names = {split_group(listing) for listing in found.listings}
    kept = set(sorted(names, key=lambda name: (zlib.crc32(name.encode()), name))[:families])
    listings = tuple(listing for listing in found.listings if split_group(listing) in kept)
    ids = {listing.item_id for listing in listings}
    return replace(found, listings=listings, gold=tuple(pair for pair in found.gold if pair.item_id in ids))


def run(contenders: Sequence[Contender], sets: Sequence[tuple[str, EvaluationSet]]) -> list[Outcome]:
    """Every contender on every set. One that cannot answer (models that do not fit, a dead server) is told in its row.

    Errors: those that are no contender's own.
    """
    outcomes = []
    for name, found in sets:
        folder = cached_interchange(found.ontology, opening.EVALUATION_STORE / "ontologies")
        for contender in contenders:
            print(f"{name}: {contender.name}", file=sys.stderr, flush=True)
            try:
                outcomes.append(_answer(contender, name, found, folder))
            except (CheckoutFailed, InferenceError, ModelMismatch, *MODEL_ERRORS) as error:
                print(f"{contender.name}: {error}", file=sys.stderr)
                outcomes.append(Outcome(contender.name, "", name, None, fault=str(error)))
    return outcomes


def _answer(contender: Contender, name: str, found: EvaluationSet, folder: Path) -> Outcome:
    recogniser = contender.open(found, folder)

    async def work() -> Outcome:
        started_s = time.monotonic()
        try:
            with stage_progress() as report:
                answers, _ = await recognise_set(
                    recogniser, found.listings, lambda done, total: report(contender.name, done, total)
                )
        finally:
            await recogniser.close()
        taken_s = recogniser.seconds if isinstance(recogniser, Elsewhere) else time.monotonic() - started_s
        seconds = max(1e-3, taken_s)
        return Outcome(
            contender.name,
            recogniser.model,
            name,
            score(found.gold, answers, found.listings, found.ontology),
            pair_results(name, found, answers),
            sum(len(item.answers) for item in answers) / seconds,
        )

    return asyncio.run(work())
