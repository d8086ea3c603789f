"""The DAG of the reconciliation: one task, its schedule, and its exact command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def dag(bag):
    return bag.dags["reconcile_item_knowledge"]


def test_one_task_that_any_time_may_run_beside_writers(dag):
    assert [(task.task_id, task.pool, task.retries) for task in dag.tasks] == [
        ("reconcile", "default_pool", 1)
    ]
    assert dag.tasks[0].execution_timeout.total_seconds() == 7200
    assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_the_page_says_what_its_failures_mean(dag):
    assert "code 2" in dag.doc_md and "--new-base" in dag.doc_md


def test_the_lookup_store_is_compared_unless_told_otherwise(dag):
    assert dag.params["store"] == "local"
    arguments = dag.get_task("reconcile").application_args
    assert arguments[arguments.index("--store") + 1] == "{{ params.store }}"


def test_rendered_command(dag):
    """Golden: write anew with `AIIC_REBUILD_GOLDEN=1`."""
    task = dag.get_task("reconcile")
    params = {name: param.value for name, param in dag.params.items()}
    task.render_template_fields({"params": params | {"store": "redis://127.0.0.1:6379/0"}})
    command = task._get_hook()._build_spark_submit_command(task.application)
    rendered = "\n".join(command).replace(str(ROOT), "ROOT") + "\n"
    golden = GOLDEN / "reconcile_item_knowledge.reconcile.txt"
    if os.environ.get("AIIC_REBUILD_GOLDEN") == "1":
        golden.write_text(rendered)
    assert rendered == golden.read_text()
