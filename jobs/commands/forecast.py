"""`aiic forecast`: machines and money for a catalog of any size, from measured figures, with the arithmetic."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pipelines.reduction.ledger import MACHINE_HOUR


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `forecast`."""
    words = "machines and money for a catalog of any size, from measured figures"
    parser = subparsers.add_parser("forecast", help=words, description=words)
    parser.add_argument("--items", type=float, required=True, help="items of the catalog, e.g. 10e9")
    parser.add_argument(
        "--changes-per-day", type=float, required=True, help="items whose text changes a day, e.g. 300e6"
    )
    parser.add_argument(
        "--machine-hour",
        type=float,
        default=MACHINE_HOUR,
        help="price of an hour of the measured machine (default %(default)g)",
    )
    parser.add_argument(
        "--in-use", type=float, default=0.7, help="share of the time that a machine works (default 0.7)"
    )
    parser.add_argument(
        "--first-days",
        type=float,
        default=30,
        help="days in which the whole catalog is computed (default 30)",
    )
    parser.add_argument("--variant", default="all", help="which run of the bench (default all)")
    parser.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="default: build/bench/throughput.json"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    from dataclasses import asdict

    from jobs.forecast import DEFAULT, NothingMeasured, read_measured
    from pipelines.reduction.forecast import Wanted, as_text, forecast

    try:
        measured = read_measured(args.source or DEFAULT, args.variant)
        wanted = Wanted(args.items, args.changes_per_day, args.machine_hour, args.in_use, args.first_days)
    except (NothingMeasured, ValueError) as error:
        print(f"aiic forecast: {error}", file=sys.stderr)
        return 1
    lines = forecast(measured, wanted)
    if args.json:
        print(
            json.dumps(
                {"is_stub_model": measured.is_stub, "lines": [asdict(line) for line in lines]}, indent=1
            )
        )
    else:
        print(as_text(lines, measured))
    return 0
