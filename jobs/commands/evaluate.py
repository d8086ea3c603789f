"""`aiic evaluate`: recognise any interchange set and score it against its gold labels (L8)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jobs.arguments import add_precision

SPLITS = ("held-out-fifth",)
MODES = ("cascade", "all", "off")
IMAGES = ("off", "ocr", "vision", "both")


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
        "--images", choices=IMAGES, default="off", help="read images: their words, by a model, or both"
    )
    add_precision(parser)
    parser.add_argument(
        "--split",
        choices=SPLITS,
        help="score only a held-out part, by the ontology that the other part shows",
    )
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    from jobs.evaluation_run import EXPECTED_ERRORS, evaluate

    try:
        evaluate(args)
    except EXPECTED_ERRORS as error:
        print(f"aiic evaluate: {error}", file=sys.stderr)
        return 1
    return 0
