"""Two model sets on the same held-out entries: one that learned them, one that knows them by their ontology text alone."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs import recogniser as opening
from jobs.hold_out_print import BLIND, COUNTLESS, EVERY_SET, SEEN, facts, figures, print_losses
from jobs.stage_progress import Report, stage_progress
from pipelines.apps.evaluation_set import HELD_OUT_FIFTH, EvaluationSet, load_set
from pipelines.apps.recognise_set import EvaluationOptions, recognise_set
from pipelines.apps.split_ontology import cached_interchange
from pipelines.library.answers import ItemAnswers
from pipelines.models.hold_out import HeldOut, Labels, blind_ontology
from pipelines.models.hold_out_measure import Loss, Results, joined, losses, results
from pipelines.models.model_set import ModelsDamaged, open_set
from pipelines.tunnel.plan_folder import write_whole

HELD, CASES = "held_out.json", "cases.jsonl"


class HeldDamaged(RuntimeError):
    """The folder does not hold what `make` writes. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A model set, and whether the ontology that it answers from has lost the counts of what is held out."""

    name: str
    models: Path
    is_countless: bool


def evaluate(args: argparse.Namespace) -> None:
    """Let the contenders answer each set's held-out fifth; print the table, write figures and cases.

    The seen models answer a second time without the counts: what that loses is lost by missing counts alone.
    Errors: HeldDamaged, ModelsDamaged, those of evaluations.
    """
    held, folders = read_held(args.held)
    seen, blind = open_set(args.seen), open_set(args.blind)
    if seen.version == blind.version:
        raise ModelsDamaged(f"{args.seen} and {args.blind} are one version: train blind models first")
    if seen.trained_on.keys() != blind.trained_on.keys():
        print(
            f"warning: the seen models learned from {', '.join(seen.trained_on)}, the blind ones from "
            f"{', '.join(blind.trained_on)}: what is lost is then not lost by what is held out alone",
            file=sys.stderr,
        )
    contenders = (
        Contender(SEEN, args.seen, False),
        Contender(COUNTLESS, args.seen, True),
        Contender(BLIND, args.blind, True),
    )
    measured: dict[str, Mapping[str, Results]] = {}
    cases: list[str] = []
    with stage_progress() as report:
        for name, folder in folders.items():
            found = read_set(folder, time.time_ns() // 10**6, HELD_OUT_FIFTH)
            known = [item for item in found.listings if item.category_id in found.ontology.categories]
            labels = Labels(found.ontology, found.gold, known)
            answers = {
                one.name: answer(one, held, labels, f"{name}, {one.name}", report) for one in contenders
            }
            measured[name] = {one: results(held, labels, said, name) for one, said in answers.items()}
            cases += _cases(held, labels, name, answers)
    measured[EVERY_SET] = {
        one.name: joined([of_set[one.name] for of_set in measured.values()]) for one in contenders
    }
    lost = {name: _lost(sides) for name, sides in measured.items()}
    stated = figures(lost) | {"turn": held.turn} | facts()
    for name, models in ((SEEN, seen), (BLIND, blind)):
        stated |= {name: models.version, f"{name}_trained_on": dict(models.trained_on)}
    print_losses(lost)
    write_whole(args.held / CASES, "".join(cases).encode())
    write_whole(args.json, (json.dumps(stated, ensure_ascii=False, indent=1) + "\n").encode())
    print(f"written: {args.json}; every answer: {args.held / CASES}")


def read_held(folder: Path) -> tuple[HeldOut, dict[str, Path]]:
    """What `make` held out, and of which sets. Errors: HeldDamaged."""
    try:
        stated = json.loads((folder / HELD).read_text("utf-8"))
        forms = {name: frozenset(map(str, stated[name])) for name in ("values", "keys", "categories")}
        return HeldOut(**forms, turn=int(stated["turn"])), {k: Path(v) for k, v in stated["sets"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise HeldDamaged(
            f"{folder / HELD} does not say what is held out: run `python -m jobs.hold_out make`: {error!r}"
        ) from error


def read_set(folder: Path, now_ms: int, split: str | None = None) -> EvaluationSet:
    """A set by its folder. Errors: those of `load_set`."""
    return load_set(folder / "ontology", folder / "listings.jsonl", folder / "gold.jsonl", now_ms, split)


def answer(
    contender: Contender, held: HeldOut, labels: Labels, stage: str, report: Report
) -> list[ItemAnswers]:
    """One contender's answers, without discriminator. Errors: those of recognisers."""
    ontology = blind_ontology(labels.ontology, held) if contender.is_countless else labels.ontology
    folder = cached_interchange(ontology, opening.EVALUATION_STORE / "ontologies")
    options = EvaluationOptions("off", models_dir=str(contender.models))

    async def run() -> list[ItemAnswers]:
        recogniser = await asyncio.to_thread(opening.open_evaluation_recogniser, folder, options)
        try:
            answers, _ = await recognise_set(
                recogniser, labels.listings, lambda done, total: report(stage, done, total)
            )
        finally:
            await recogniser.close()
        return answers

    return asyncio.run(run())


def _lost(sides: Mapping[str, Results]) -> dict[str, list[Loss]]:
    return {name: losses(sides[SEEN], sides[name]) for name in (COUNTLESS, BLIND)}


def _cases(
    held: HeldOut, labels: Labels, set_name: str, answers: Mapping[str, Sequence[ItemAnswers]]
) -> list[str]:
    """Every labelled pair with all answers, a line each."""
    said = {
        name: {(item.item_id, one.key_id): one.values for item in found for one in item.answers}
        for name, found in answers.items()
    }
    lines = []
    for one in labels:
        pair = one.pair
        row: dict[str, Any] = {"set": set_name, "part": held.part_of(one.category, one.link.key, pair.values)}
        row |= {"item_id": pair.item_id, "key_id": pair.key_id, "gold": pair.values}
        row |= {name: found.get((pair.item_id, pair.key_id), ()) for name, found in said.items()}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return lines
