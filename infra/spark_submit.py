"""How our Spark jobs are started: one set of options, for Airflow's operator and for the command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
ENGINES_BIN = ROOT / ".local/engines/bin"
SPARK_SUBMIT = ENGINES_BIN / "spark-submit"
ENGINES_PYTHON = ENGINES_BIN / "python"
SPARK_JARS = ROOT / ".local/jars/spark"
DEFAULT_MASTER = "local[2,4]"  # two threads; a task whose Python worker dies is tried four times
CONF: Mapping[str, str] = {
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraClassPath": f"{SPARK_JARS}/*",
    "spark.executor.extraClassPath": f"{SPARK_JARS}/*",
    "spark.executorEnv.PYTHONPATH": str(ROOT),
}


def job_environment() -> dict[str, str]:
    """The variables that a job of ours needs on top of those of the process that starts it."""
    return {
        "PYSPARK_PYTHON": str(ENGINES_PYTHON),
        "PYSPARK_DRIVER_PYTHON": str(ENGINES_PYTHON),
        "PYTHONPATH": str(ROOT),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def spark_submit_command(
    application: str, arguments: Sequence[str], master: str = DEFAULT_MASTER, driver_memory: str = "2g"
) -> list[str]:
    """The command line of a job; `application` is a path below the root."""
    conf = [part for name, value in CONF.items() for part in ("--conf", f"{name}={value}")]
    options = ["--master", master, "--deploy-mode", "client", "--driver-memory", driver_memory]
    return [str(SPARK_SUBMIT), *options, *conf, str(ROOT / application), *arguments]


def start_spark_job(
    application: str,
    arguments: Sequence[str],
    log: IO[bytes] | None = None,
    master: str = DEFAULT_MASTER,
    extra_env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a job in a process group of its own; its output goes to `log`, or where ours goes."""
    return subprocess.Popen(
        spark_submit_command(application, arguments, master),
        env={**os.environ, **job_environment(), **(extra_env or {})},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT if log else None,
        start_new_session=True,
    )
