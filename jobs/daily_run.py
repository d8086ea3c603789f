"""Start the offline job for a day, through Airflow or directly, watch it, and tell how it ended."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.airflow import AirflowHome, start_run
from infra.spark_submit import DEFAULT_MASTER, start_spark_job
from jobs.run_watch import watch
from pipelines.reduction.config import OFF
from pipelines.reduction.ledger import MACHINE_HOUR
from pipelines.tunnel.day_lock import day_lock
from pipelines.tunnel.plan_folder import PlanFolder, current_plan, day_folder, forget_error, noted_error
from pipelines.tunnel.run_summary import STEPS

DAG_ID = "daily_item_knowledge"
JOB = "jobs/batch/daily_item_knowledge.py"


class RunFailed(RuntimeError):
    """The job ended with an error; the message holds its reason and where its log is."""


@dataclass(frozen=True, slots=True)
class DailyRun:
    """One run of the job, as a person asks for it."""

    day: str
    warehouse: Path
    listings: Path | None
    release: Path
    discriminator: str = "cascade"
    images: str = "off"
    precision: float = 0.0
    reduce: str = OFF
    machine_hour: float = MACHINE_HOUR
    limit: int = 0
    master: str = DEFAULT_MASTER

    def log(self, via: str) -> Path:
        """Where the run's output goes."""
        return self.warehouse / "logs" / f"{DAG_ID}-{self.day}-{via}.log"


def run_daily(run: DailyRun, via: str, airflow_home: Path) -> PlanFolder:
    """Run the job and wait for it; the plan that it made or found.

    Errors: RunFailed; DayBusy when a run of the day is going on; AirflowError when Airflow is not installed.
    """
    log = run.log(via)
    log.parent.mkdir(parents=True, exist_ok=True)
    with day_lock(
        run.warehouse, run.day
    ):  # the job locks the day itself; here its log and error are still untouched
        forget_error(day_folder(run.warehouse, run.day))
    print(f"day {run.day} by {via}; log: {log}", file=sys.stderr, flush=True)
    with log.open("wb") as output:
        if via == "airflow":
            process = start_run(AirflowHome(airflow_home, run.master), DAG_ID, run.day, _conf(run), output)
        else:
            process = start_spark_job(JOB, _arguments(run), output, run.master)
        code = watch(process, run.warehouse, run.day)
    if code != 0:
        raise RunFailed(f"{_reason(run)}\nlog: {log}")
    return current_plan(run.warehouse, run.day)


def _conf(run: DailyRun) -> dict[str, Any]:
    return {
        "day": run.day,
        "listings": str(run.listings or ""),
        "ontology": str(run.release),
        "warehouse": str(run.warehouse),
        "discriminator": run.discriminator,
        "images": run.images,
        "precision": run.precision,
        "reduce": run.reduce,
        "machine_hour": run.machine_hour,
        "limit": run.limit,
    }


def _arguments(run: DailyRun) -> list[str]:
    words = ["all"]
    for name, value in _conf(run).items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def _reason(run: DailyRun) -> str:
    untold = "the job ended without telling why (was it killed?); run the same command again to go on"
    return noted_error(day_folder(run.warehouse, run.day)) or untold


def did_nothing(folder: PlanFolder, since_s: float) -> bool:
    """Whether a run that began at `since_s` found everything finished: the same listings, ontology and models."""
    steps = [folder.step(name) for name in STEPS]
    return all(step.exists() and step.stat().st_mtime < since_s for step in steps)


def read_report(folder: PlanFolder) -> dict[str, Any]:
    """The report of a finished run."""
    found: dict[str, Any] = json.loads((folder.root / "report.json").read_text("utf-8"))
    return found
