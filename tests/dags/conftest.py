"""DAGs are parsed without a database: nothing here may touch one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

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


@pytest.fixture(scope="session")
def bag():
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(ROOT / "dags"), load_op_links=False)
