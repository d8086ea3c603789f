"""`aiic run`: the offline job for one day, on any listings and ontology, through Airflow or directly."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from jobs.arguments import add_machine_hour, add_precision, add_reduce


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `run`."""
    words = "listings of a day -> item_knowledge; run it again to go on where it stopped"
    parser = subparsers.add_parser("run", help=words, description=words)
    parser.add_argument(
        "--day", default=datetime.now(UTC).date().isoformat(), help="YYYY-MM-DD (%(default)s)"
    )
    parser.add_argument(
        "--listings", type=Path, metavar="F", help="file or folder; default <warehouse>/incoming/<day>"
    )
    parser.add_argument(
        "--ontology", required=True, metavar="DIR|NAME", help="interchange folder, release folder, or name"
    )
    parser.add_argument("--via", choices=("airflow", "direct"), default="airflow", help="(%(default)s)")
    parser.add_argument("--discriminator", choices=("cascade", "all", "off"), default="cascade")
    parser.add_argument(
        "--images",
        choices=("off", "ocr", "vision", "both"),
        default="off",
        help="read images: their words, by a model (AIIC_VISION_URL), or both; infra/deploy/README.md",
    )
    add_precision(parser)
    add_reduce(parser)
    add_machine_hour(parser)
    parser.add_argument("--limit", type=_count, default=0, metavar="N", help="first listings only; 0: all")
    parser.add_argument(
        "--warehouse", type=Path, help="folder of all tables (AIIC_WAREHOUSE, build/warehouse)"
    )
    parser.add_argument("--master", help="Spark master, e.g. spark://host:7077; default: two local threads")
    parser.set_defaults(func=_run)


def _count(text: str) -> int:
    """Read a number of listings."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number, 0 for all listings")
    return int(text)


def airflow_home() -> Path:
    """Where this checkout's Airflow keeps its database: AIIC_AIRFLOW_HOME, or below .local/."""
    from infra.spark_submit import ROOT

    return Path(os.environ.get("AIIC_AIRFLOW_HOME") or ROOT / ".local/state/airflow").absolute()


def _run(args: argparse.Namespace) -> int:
    from infra.airflow import AirflowError
    from infra.spark_submit import DEFAULT_MASTER
    from jobs.batch.expected_errors import in_words
    from jobs.daily_run import DailyRun, RunFailed, run_daily
    from jobs.images import image_settings
    from jobs.prepare_ontology import prepare_ontology
    from jobs.run_summary_print import print_run
    from pipelines.ontology.errors import OntologyError
    from pipelines.ontology.store import default_warehouse
    from pipelines.reduction.config import require_no_images
    from pipelines.tunnel.daily_item_knowledge import DailyConfig, day_start_ms
    from pipelines.tunnel.day_lock import DayBusy
    from pipelines.tunnel.intake_read import IntakeError, input_files
    from schemas.inference import InferenceError

    warehouse = (args.warehouse or default_warehouse()).absolute()
    try:
        day_start_ms(args.day)
        image_settings(args.images, args.discriminator, os.environ)
        require_no_images(args.reduce, args.images)
        listings = args.listings.absolute() if args.listings else None
        # The job looks again; here a slip costs no start of Spark.
        input_files(list(DailyConfig(args.day, warehouse, (listings,) if listings else ()).incoming))
        run = DailyRun(
            day=args.day,
            warehouse=warehouse,
            listings=listings,
            release=prepare_ontology(warehouse, args.ontology),
            discriminator=args.discriminator,
            images=args.images,
            precision=args.precision,
            reduce=str(args.reduce),
            machine_hour=args.machine_hour,
            limit=args.limit,
            master=args.master or DEFAULT_MASTER,
        )
        started_s = time.time()
        print_run(run_daily(run, args.via, airflow_home()), warehouse, started_s)
    except (
        RunFailed,
        AirflowError,
        DayBusy,
        IntakeError,
        OntologyError,
        InferenceError,
        OSError,
        ValueError,
    ) as error:
        print(f"aiic run: {in_words(error)}", file=sys.stderr)
        return 1
    return 0
