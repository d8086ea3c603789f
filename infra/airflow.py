"""Airflow: where it lives, how a DAG's task becomes a spark-submit, and how a run goes through Airflow.

Imported by `dags/` inside the Airflow environment and by the command line outside it: Airflow itself is imported
only where a function needs it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

from infra.airflow_kafka import KAFKA_CONNECTION, kafka_connection
from infra.local.config import load_config
from infra.spark_submit import CONF, DEFAULT_MASTER, ROOT, SPARK_SUBMIT, job_environment
from schemas.topics import BATCHES

AIRFLOW_PYTHON = ROOT / ".local/airflow/bin/python"
CONNECTION = "spark_default"
API_PORT = "18130"
TOLD_LINES = 5
BATCH_TOPIC = BATCHES
WAREHOUSE_VARIABLE = "AIIC_WAREHOUSE"
FLEET_POOL = "inference_fleet"
WRITER_POOL = "item_knowledge_writer"
POOLS: Mapping[str, tuple[int, str]] = {
    FLEET_POOL: (1, "jobs that keep the inference servers busy"),
    WRITER_POOL: (1, "the only writer of item_knowledge"),
}


class AirflowError(RuntimeError):
    """Airflow is not installed, or a run failed. The message says what to do."""


@dataclass(frozen=True, slots=True)
class AirflowHome:
    """One Airflow: its folder with the database and the logs, and the Spark master its jobs go to."""

    folder: Path
    spark_master: str = DEFAULT_MASTER
    dags: Path = ROOT / "dags"

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """The variables that make every `airflow` process use this home; the rest comes from `base`."""
        spark = {"conn_type": "spark", "host": self.spark_master, "extra": {"deploy-mode": "client"}}
        port = base.get("AIIC_AIRFLOW_PORT") or API_PORT
        own = {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": port,
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            f"AIRFLOW_CONN_{CONNECTION.upper()}": json.dumps(spark),
            f"AIRFLOW_CONN_{KAFKA_CONNECTION.upper()}": kafka_connection(load_config(env=base).kafka_servers),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        return {**base, **own}


def spark_job(task_id: str, application: str, arguments: Sequence[str], **settings: Any) -> Any:
    """A task that runs one of our Spark jobs with the engines' spark-submit.

    `application` is a path below the root; `settings` go to the operator (pool, retries, execution_timeout).
    """
    from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

    return SparkSubmitOperator(
        task_id=task_id,
        application=str(ROOT / application),
        application_args=list(arguments),
        name=f"aiic-{task_id}",
        conn_id=CONNECTION,
        spark_binary=str(SPARK_SUBMIT),
        conf=dict(CONF),
        driver_memory="2g",
        # Client mode on a machine of ours: a lost driver is started again, its shards are not.
        durable=False,
        env_vars=job_environment(),
        **settings,
    )


def aiic_task(task_id: str, words: Sequence[Any], when: str = "True", **settings: Any) -> Any:
    """A task that runs one `aiic` command; `words` may hold templates. Fails where the command does.

    `when`: a template; unless it says True, the task is skipped.
    """
    from airflow.providers.standard.operators.python import PythonOperator

    return PythonOperator(task_id=task_id, python_callable=run_aiic, op_args=[list(words), when], **settings)


def run_aiic(words: Sequence[Any], when: str = "True") -> None:
    """Run one command, its lines into the task's log. No shell: a setting is a word, whatever is in it.

    Errors: AirflowError with its last lines; Airflow's own way to say that a task is skipped.
    """
    if str(when) != "True":
        from airflow.sdk.exceptions import AirflowSkipException

        raise AirflowSkipException("not asked for")
    command = [str(ROOT / "aiic"), *map(str, words)]
    # What it starts stays when the task is over, so it must not inherit the task's own settings.
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW_"))
    }
    lines: deque[str] = deque(maxlen=TOLD_LINES)
    with subprocess.Popen(
        command, cwd=ROOT, env=kept, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            print(line.rstrip(), flush=True)
            lines.append(line.rstrip())
    if process.returncode != 0:
        raise AirflowError(
            f"`aiic {' '.join(command[1:])}` ended with code {process.returncode}: {' | '.join(lines)}"
        )


def default_warehouse() -> str:
    """The folder of tables and plans: AIIC_WAREHOUSE, else build/warehouse of this checkout."""
    return os.environ.get(WAREHOUSE_VARIABLE) or str(ROOT / "build/warehouse")


def default_args(retries: int = 2, retry_delay_s: int = 30) -> dict[str, Any]:
    """What every task of ours has unless it says otherwise. Every step can be repeated, so every task is retried."""
    return {"owner": "item-center", "retries": retries, "retry_delay": timedelta(seconds=retry_delay_s)}


def start_run(
    home: AirflowHome, dag_id: str, day: str, conf: Mapping[str, Any], log: BinaryIO
) -> subprocess.Popen[bytes]:
    """Start one run of a DAG for a day through Airflow, in a process of its own: database made where it is absent,
    pools set, then the DAG's tasks one after the other with their own operators (what `airflow dags test` does).

    The process ends with 0 when the run succeeded. Errors: AirflowError when Airflow is not installed.
    """
    return _start(home, ["run", dag_id, day, json.dumps(dict(conf))], log)


def prepare_airflow(home: AirflowHome) -> None:
    """Make the database of a home, or bring it to the present version, and set its pools.

    Errors: AirflowError.
    """
    home.folder.mkdir(parents=True, exist_ok=True)
    log = home.folder / "prepare.log"
    with log.open("wb") as output:
        code = _start(home, ["prepare"], output).wait()
    if code != 0:
        raise AirflowError(f"Airflow's database could not be prepared (exit code {code}); log: {log}")


def run_dag(home: AirflowHome, dag_id: str, day: str, conf: Mapping[str, Any], log: BinaryIO) -> None:
    """Run a DAG for a day and wait for its end. Errors: AirflowError when it fails."""
    code = start_run(home, dag_id, day, conf, log).wait()
    if code != 0:
        raise AirflowError(f"run of {dag_id} for {day} failed (exit code {code})")


def _start(home: AirflowHome, words: Sequence[str], log: BinaryIO) -> subprocess.Popen[bytes]:
    if not AIRFLOW_PYTHON.exists():
        raise AirflowError(f"{AIRFLOW_PYTHON} is missing: run `make setup`")
    home.folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [str(AIRFLOW_PYTHON), "-m", "infra.airflow_run", *words],
        cwd=ROOT,
        env=home.environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
