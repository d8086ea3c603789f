"""`aiic airflow ...`: Airflow's own command line with this checkout's DAGs, database, pools and connections."""

from __future__ import annotations

import argparse
import os
import sys


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `airflow`."""
    words = "Airflow's own command line, e.g. `aiic airflow standalone`, `aiic airflow backfill create ...`"
    parser = subparsers.add_parser(
        "airflow", help=words, description=words, add_help=False, prefix_chars="\0"
    )
    parser.add_argument("words", nargs=argparse.REMAINDER, help="given on to `airflow` as they are")
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    from infra.airflow import AIRFLOW_PYTHON, AirflowError, AirflowHome, prepare_airflow
    from infra.spark_submit import ROOT
    from jobs.commands.run import airflow_home

    home = AirflowHome(airflow_home())
    try:
        if not (home.folder / "airflow.db").exists():
            prepare_airflow(home)
    except (AirflowError, OSError) as error:
        print(f"aiic airflow: {error}", file=sys.stderr)
        return 1
    os.chdir(ROOT)
    airflow = str(AIRFLOW_PYTHON.with_name("airflow"))
    environment = home.environment(os.environ)
    environment["PATH"] = f"{AIRFLOW_PYTHON.parent}:{environment['PATH']}"
    os.execve(airflow, [airflow, *args.words], environment)
