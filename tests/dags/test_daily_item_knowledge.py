"""The DAG of the offline tier: tasks, edges, pools, retries, partitions, and the exact command of every task."""

from __future__ import annotations

import copy
import importlib
import os
from datetime import timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
TASKS = ("plan", "recognise", "merge", "report")


@pytest.fixture(scope="module")
def dag(bag):
    return bag.dags["daily_item_knowledge"]


def test_every_file_in_dags_parses_and_gives_the_expected_dags(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == {
        "daily_item_knowledge",
        "reconcile_item_knowledge",
        "run_item_batches",
        "supervise_item_merge",
        "supervise_item_tunnel",
    }


def test_edges(dag):
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {
        "plan": {"recognise"},
        "recognise": {"merge"},
        "merge": {"report"},
        "report": set(),
    }


def test_pools_keep_other_writers_and_other_users_of_the_fleet_away(dag):
    assert {task.task_id: task.pool for task in dag.tasks} == {
        "plan": "default_pool",
        "recognise": "inference_fleet",
        "merge": "item_knowledge_writer",
        "report": "default_pool",
    }


def test_every_pool_of_the_dag_is_one_that_is_created(dag):
    from infra.airflow import POOLS

    assert {task.pool for task in dag.tasks} - {"default_pool"} == set(POOLS)
    assert {slots for slots, _ in POOLS.values()} == {1}


def test_retries_and_time_limits(dag):
    assert {task.retries for task in dag.tasks} == {2}
    assert {task.retry_delay for task in dag.tasks} == {timedelta(seconds=30)}
    limits_s = {task.task_id: task.execution_timeout.total_seconds() for task in dag.tasks}
    assert limits_s == {"plan": 3600, "recognise": 12 * 3600, "merge": 2 * 3600, "report": 1800}


def test_one_run_at_a_time_without_catching_up(dag):
    assert (dag.max_active_runs, dag.catchup) == (1, False)


def test_a_scheduled_run_is_of_the_day_before(dag):
    """At midnight of the 12th the day of the 11th is whole."""
    import pendulum
    from airflow.serialization.encoders import coerce_to_core_timetable

    timetable = coerce_to_core_timetable(dag.timetable)
    midnight = pendulum.datetime(2026, 11, 12, tz="UTC")
    assert timetable._get_partition_info(run_date=midnight)[1] == "2026-11-11"


def test_a_backfill_takes_both_its_days(dag):
    import pendulum
    from airflow.serialization.encoders import coerce_to_core_timetable

    infos = coerce_to_core_timetable(dag.timetable).iter_partition_dagrun_infos(
        earliest=pendulum.datetime(2026, 11, 1, tz="UTC"), latest=pendulum.datetime(2026, 11, 3, tz="UTC")
    )
    assert [info.partition_key for info in infos] == ["2026-11-01", "2026-11-02", "2026-11-03"]


def test_the_page_of_the_dag_says_how_to_backfill(dag):
    assert "airflow backfill create --dag-id daily_item_knowledge" in dag.doc_md
    assert "Catch-up" in dag.doc_md


@pytest.mark.parametrize("task_id", TASKS)
def test_rendered_command(dag, task_id):
    """Golden: write anew with `AIIC_REBUILD_GOLDEN=1`."""
    run = type("Run", (), {"partition_key": "2026-11-11", "logical_date": None, "run_after": None})()
    params = {name: param.value for name, param in dag.params.items()}
    task = dag.get_task(task_id)
    task.render_template_fields({"params": params | {"listings": "/in/listings.jsonl"}, "dag_run": run})
    command = task._get_hook()._build_spark_submit_command(task.application)
    rendered = "\n".join(command).replace(str(ROOT), "ROOT") + "\n"
    golden = GOLDEN / f"{dag.dag_id}.{task_id}.txt"
    if os.environ.get("AIIC_REBUILD_GOLDEN") == "1":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(rendered)
    assert rendered == golden.read_text()


@pytest.mark.parametrize(
    ("day", "partition", "logical", "expected"),
    [
        ("2026-11-05", "2026-11-11", None, "2026-11-05"),
        (None, "2026-11-11", None, "2026-11-11"),
        (None, None, (2026, 11, 9), "2026-11-09"),
    ],
)
def test_the_day_is_what_a_person_says_else_the_partition_else_the_date(
    bag, day, partition, logical, expected
):
    import pendulum

    run = type("Run", (), {})()
    run.partition_key = partition
    run.logical_date = pendulum.datetime(*logical, tz="UTC") if logical else None
    run.run_after = pendulum.datetime(2026, 11, 20, tz="UTC")
    dag = bag.dags["daily_item_knowledge"]
    params = {name: param.value for name, param in dag.params.items()} | {"day": day}
    task = copy.copy(dag.get_task("report"))
    day_template = importlib.import_module("dags.daily_item_knowledge").DAY
    rendered = task.render_template(day_template, {"params": params, "dag_run": run})
    assert rendered == expected


def test_parameters_are_checked(dag):
    assert set(dag.params) == {
        "day",
        "listings",
        "ontology",
        "warehouse",
        "discriminator",
        "images",
        "precision",
        "reduce",
        "machine_hour",
        "limit",
    }
    assert dag.params.get_param("discriminator").schema["enum"] == ["cascade", "all", "off"]
    with pytest.raises(Exception, match="not one of"):
        dag.params.get_param("discriminator").resolve("everything")


def test_what_a_run_may_leave_out_is_what_the_job_reads(dag):
    from pipelines.reduction.config import NAMED, PARTS, reduce_of

    asked = dag.params.get_param("reduce")
    for words in (*NAMED, *PARTS, ",".join(PARTS), "differential,sku"):
        assert asked.resolve(words) == words
        reduce_of(words)
    for words in ("everything", "sku, flow", "sku,", "off,sku", ""):
        with pytest.raises(Exception, match="does not match"):
            asked.resolve(words)
