"""`aiic evaluate`: recognise any interchange set and score it against its gold labels (L8)."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.apps.evaluation_set import EvaluationSet
    from pipelines.library.answers import ItemAnswers, Usage

SPLITS = ("held-out-fifth",)
MODES = ("cascade", "all", "off")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `evaluate`."""
    words = "recognise listings and score the answers against gold labels"
    parser = subparsers.add_parser("evaluate", help=words, description=words)
    parser.add_argument(
        "--ontology", type=Path, required=True, metavar="DIR", help="folder of an interchange ontology"
    )
    parser.add_argument(
        "--listings", type=Path, required=True, metavar="FILE", help="listings, .jsonl or .parquet"
    )
    parser.add_argument(
        "--gold", type=Path, required=True, metavar="FILE", help="gold labels, .jsonl or .parquet"
    )
    parser.add_argument("--report", type=Path, metavar="OUT.html", help="write a page with curves and errors")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write all scores for programs")
    parser.add_argument("--discriminator", choices=MODES, default="cascade", help="who answers (%(default)s)")
    parser.add_argument(
        "--split",
        choices=SPLITS,
        help="score only a held-out part, by the ontology that the other part shows",
    )
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    from pipelines.apps.evaluation_set import NothingToScore, load_set
    from pipelines.apps.gold import BadGold
    from pipelines.ontology.errors import OntologyError
    from pipelines.tunnel.intake_read import IntakeError
    from schemas.inference import InferenceError

    try:
        found = load_set(args.ontology, args.listings, args.gold, time.time_ns() // 1_000_000, args.split)
        _evaluate(args, found)
    except (NothingToScore, BadGold, OntologyError, IntakeError, InferenceError, OSError) as error:
        print(f"aiic evaluate: {error}", file=sys.stderr)
        return 1
    return 0


def _evaluate(args: argparse.Namespace, found: EvaluationSet) -> None:
    from jobs.evaluation_print import about_lines, print_evaluation
    from pipelines.apps.evaluation import score
    from pipelines.apps.evaluation_json import evaluation_json
    from pipelines.apps.evaluation_report import render_evaluation

    about = about_lines(args, found)
    print("\n".join(about.values()), file=sys.stderr)
    started_s = time.monotonic()
    answers, usage, versions = asyncio.run(_recognise(args, found))
    seconds = time.monotonic() - started_s
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
) -> tuple[list[ItemAnswers], Usage, dict[str, str]]:
    from jobs.recogniser import EVALUATION_STORE, open_evaluation_recogniser
    from jobs.stage_progress import stage_progress
    from pipelines.apps.recognise_set import EvaluationOptions, recognise_set
    from pipelines.apps.split_ontology import cached_interchange

    folder = args.ontology
    if found.split is not None:
        folder = cached_interchange(found.ontology, EVALUATION_STORE / "ontologies")
    with stage_progress() as report:
        recogniser = open_evaluation_recogniser(folder, EvaluationOptions(args.discriminator))
        try:
            answers, usage = await recognise_set(
                recogniser, found.listings, lambda done, total: report("recognise", done, total)
            )
        finally:
            await recogniser.close()
    versions = {
        "model": f"model: {recogniser.model}",
        "version": f"ontology version: {recogniser.ontology_version}",
    }
    return answers, usage, versions


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    print(f"written: {path}", file=sys.stderr)
