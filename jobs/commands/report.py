"""`aiic report RUN_DIR`: the page of a run, from its report.json."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

REPORT_JSON, REPORT_HTML = "report.json", "report.html"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `report`."""
    words = "render the page of a run from its report.json"
    parser = subparsers.add_parser("report", help=words, description=words)
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder of a run, or its report.json")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="default: report.html beside the report.json"
    )
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    from pipelines.apps.run_report import render_run_report
    from schemas.parse import BadRecord, parse_record
    from schemas.report import RunReport

    source = args.run_dir / REPORT_JSON if args.run_dir.is_dir() else args.run_dir
    try:
        report = parse_record(RunReport, json.loads(source.read_text("utf-8")))
    except FileNotFoundError:
        return _fail(f"{source}: no such report; give the folder that a run printed at its end")
    except (BadRecord, UnicodeDecodeError, json.JSONDecodeError) as error:
        return _fail(f"{source}: not the report of a run ({error})")
    out = args.out or source.with_name(REPORT_HTML)
    try:
        out.write_text(render_run_report(report), "utf-8")
    except OSError as error:
        return _fail(f"{out}: cannot be written ({error.strerror})")
    print(out)
    return 0


def _fail(message: str) -> int:
    print(f"aiic report: {message}", file=sys.stderr)
    return 1
