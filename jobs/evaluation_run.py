"""One evaluation: read the set, recognise it, score it, write what was asked for."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from infra.local.config import ConfigError
from jobs import recogniser as opening
from jobs.evaluation_print import about_lines, print_evaluation
from jobs.models import MODEL_ERRORS
from jobs.stage_progress import stage_progress
from pipelines.apps.evaluation import score
from pipelines.apps.evaluation_json import evaluation_json
from pipelines.apps.evaluation_report import render_evaluation
from pipelines.apps.evaluation_set import EvaluationSet, NothingToScore, load_set
from pipelines.apps.gold import BadGold
from pipelines.apps.recognise_set import EvaluationOptions, recognise_set
from pipelines.apps.split_ontology import cached_interchange
from pipelines.library.answers import ItemAnswers, Usage
from pipelines.ontology.errors import OntologyError
from pipelines.tunnel.intake_read import IntakeError
from schemas.inference import InferenceError

EXPECTED_ERRORS = (
    BadGold,
    ConfigError,
    InferenceError,
    IntakeError,
    NothingToScore,
    OntologyError,
    OSError,
    *MODEL_ERRORS,
)


def evaluate(args: argparse.Namespace) -> None:
    """Run `aiic evaluate`. Errors: those of EXPECTED_ERRORS; no file is half-written."""
    found = load_set(args.ontology, args.listings, args.gold, time.time_ns() // 1_000_000, args.split)
    for path in filter(None, (args.json, args.report)):
        _check_place(path)  # before the long work
    about = about_lines(args, found)
    print("\n".join(about.values()), file=sys.stderr)
    answers, usage, seconds, versions = asyncio.run(_recognise(args, found))
    scored = score(found.gold, answers, found.listings, found.ontology)
    about |= versions | {"speed": f"{len(answers) / seconds:.1f} items/s, {seconds:.0f} s"}
    print_evaluation(scored, about)
    if args.json:
        facts = about | {
            "seconds": round(seconds, 2),
            "tokens": dict(usage.tokens),
            "answered_by": dict(usage.pairs),
        }
        _write(args.json, json.dumps(evaluation_json(scored, facts), ensure_ascii=False, indent=1) + "\n")
    if args.report:
        names = {category.category_id: category.name for category in found.ontology.categories.values()}
        by_id = {listing.item_id: listing for listing in found.listings}
        _write(args.report, render_evaluation(scored, by_id, names, about))


async def _recognise(
    args: argparse.Namespace, found: EvaluationSet
) -> tuple[list[ItemAnswers], Usage, float, dict[str, str]]:
    """Answers, their cost, the seconds they took without the opening, and who answered."""
    folder = args.ontology
    if found.split is not None:
        folder = cached_interchange(found.ontology, opening.EVALUATION_STORE / "ontologies")
    with stage_progress() as report:
        recogniser = opening.open_evaluation_recogniser(
            folder, EvaluationOptions(args.discriminator, args.images, args.precision)
        )
        started_s = time.monotonic()
        try:
            answers, usage = await recognise_set(
                recogniser, found.listings, lambda done, total: report("recognise", done, total)
            )
        finally:
            await recogniser.close()
    seconds = max(time.monotonic() - started_s, 1e-3)
    versions = {
        "model": f"model: {recogniser.model}",
        "version": f"ontology version: {recogniser.ontology_version}",
    }
    return answers, usage, seconds, versions


def _check_place(path: Path) -> None:
    """A place that cannot be written is known at once, and an older file there stays."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        unfinished.write_text(text, "utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    print(f"written: {path}", file=sys.stderr)
