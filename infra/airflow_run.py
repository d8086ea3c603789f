"""Run one DAG for one day through Airflow, in one process: `python -m infra.airflow_run run DAG DAY CONF_JSON`.

Three `airflow` commands would cost 8 s each before any of them does something; this is the same in one start.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

from infra.airflow import POOLS


def prepare_database() -> None:
    """Bring the database of this home to the present version, and create the pools."""
    from airflow.models.pool import Pool
    from airflow.utils import db
    from sqlalchemy.exc import OperationalError

    try:
        ready = db.check_migrations(timeout=0) is None
    except (TimeoutError, OperationalError):
        ready = False
    if not ready:
        db.upgradedb()
    for name, (slots, description) in POOLS.items():
        Pool.create_or_update_pool(name, slots, description, include_deferred=False)


def load_dag(dag_id: str) -> Any:
    """The DAG of this name. Errors: SystemExit naming the file that could not be imported."""
    from airflow.configuration import conf
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=conf.get("core", "dags_folder"))
    if bag.import_errors:
        raise SystemExit(f"DAG files cannot be imported: {bag.import_errors}")
    if dag_id not in bag.dags:
        raise SystemExit(f"no DAG {dag_id}; there are {sorted(bag.dags)}")
    return bag.dags[dag_id]


def run(dag_id: str, day: str, conf_json: str) -> int:
    """Run the DAG; 0 when it succeeded. A run by hand reports a failure at once and leaves retrying to its caller."""
    prepare_database()
    dag = load_dag(dag_id)
    for task in dag.tasks:
        task.retries = 0
    logical_date = datetime.fromisoformat(day).replace(tzinfo=UTC)
    done = dag.test(logical_date=logical_date, run_conf=json.loads(conf_json))
    return 0 if str(done.state) == "success" else 1


def main(command: str, *words: str) -> int:
    """`prepare` the database, or `run` a DAG."""
    if command == "prepare":
        prepare_database()
        return 0
    return run(*words)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
