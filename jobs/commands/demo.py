"""`aiic demo`: our own catalog through the whole system, from raw listings to queryable knowledge."""

from __future__ import annotations

import argparse
import sys
import time

AT_LEAST = 100
DAY = "2026-11-01"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo`."""
    words = (
        "the demo catalog through Airflow, Spark, Faiss and vLLM into Hudi; a second time it repeats nothing"
    )
    parser = subparsers.add_parser("demo", help=words, description=words)
    parser.add_argument(
        "--all", action="store_true", help=f"all listings; default: about {AT_LEAST}, of every kind"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="forget the demo's earlier run and recognise again"
    )
    parser.add_argument("--down", action="store_true", help="end the inference servers afterwards")
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    from infra.airflow import AirflowError
    from infra.local.config import ConfigError
    from infra.local.stack import StackError
    from infra.local.state import StateError
    from jobs.daily_run import RunFailed
    from jobs.demo import Demo, end_servers, run_demo
    from pipelines.ontology.errors import OntologyError
    from pipelines.ontology.store import default_warehouse
    from pipelines.tunnel.day_lock import DayBusy

    started_s = time.monotonic()
    try:
        run_demo(Demo(default_warehouse().absolute(), DAY, None if args.all else AT_LEAST, args.fresh))
        if args.down:
            end_servers()
    except (
        RunFailed,
        AirflowError,
        DayBusy,
        StackError,
        ConfigError,
        StateError,
        OntologyError,
        OSError,
    ) as error:
        print(f"aiic demo: {error}", file=sys.stderr)
        return 1
    print(f"\ndemo: {time.monotonic() - started_s:.0f} s in all")
    return 0
