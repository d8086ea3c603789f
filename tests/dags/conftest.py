"""DAGs are parsed without a database: nothing in this process may touch one."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
# Airflow reads these when it is imported; its own home must not be the one of a person's runs.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="aiic-dag-tests-")
os.environ.pop("AIIC_WAREHOUSE", None)
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__UNIT_TEST_MODE"] = "False"
os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = "sqlite:////nonexistent/airflow.db"
os.environ["AIRFLOW_CONN_SPARK_DEFAULT"] = (
    '{"conn_type": "spark", "host": "local[2,4]", "extra": {"deploy-mode": "client"}}'
)


@dataclass(frozen=True)
class Broker:
    """A real broker of its own, kept by `./aiic`. `env` leads any command to it."""

    env: dict[str, str]
    servers: str

    def aiic(self, *words: str) -> str:
        done = subprocess.run(
            ["./aiic", *words], env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def pid(self) -> int:
        state = Path(self.env["AIIC_STACK_STATE_DIR"]) / "kafka.json"
        return json.loads(state.read_text("utf-8"))["process"]["pid"]


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """Kafka up; ended with the session."""
    names = ("KAFKA_PORT", "KAFKA_CONTROLLER_PORT")
    ports = {f"AIIC_{name}": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    env = {**os.environ, **ports, "AIIC_STACK_STATE_DIR": str(tmp_path_factory.mktemp("stack"))}
    made = Broker(env, f"127.0.0.1:{ports['AIIC_KAFKA_PORT']}")
    try:
        made.aiic("up", "--only", "kafka")
        yield made
    finally:
        made.aiic("down")


@pytest.fixture(scope="session")
def bag():
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(ROOT / "dags"), load_op_links=False)
