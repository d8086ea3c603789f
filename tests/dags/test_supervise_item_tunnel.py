"""The DAGs that keep the stream tiers running: tasks, pools, the exact words of every command, and failures that are told."""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.airflow import AirflowError, AirflowHome, run_aiic

ROOT = Path(__file__).resolve().parents[2]
TUNNEL, MERGE = "supervise_item_tunnel", "supervise_item_merge"
WHERE = ["--warehouse", "/w", "--ontology", "shoes"]


def rendered(dag, task_id, **changes):
    """The words of a task's command, and whether it is asked for."""
    params = {name: param.value for name, param in dag.params.items()}
    task = copy.copy(dag.get_task(task_id))
    task.render_template_fields({"params": params | {"warehouse": "/w", "ontology": "shoes"} | changes})
    words, when = task.op_args
    return list(words), when


def test_edges_and_pools(bag):
    assert {task.task_id: set(task.downstream_task_ids) for task in bag.dags[TUNNEL].tasks} == {
        "stack": {"nearline", "realtime"},
        "nearline": {"check"},
        "realtime": {"check"},
        "check": set(),
    }
    assert {task.pool for task in bag.dags[TUNNEL].tasks} == {"default_pool"}
    assert [(task.task_id, task.pool) for task in bag.dags[MERGE].tasks] == [
        ("merge", "item_knowledge_writer")
    ]


def test_the_streaming_merge_never_starts_in_the_middle_of_a_batch_merge(bag):
    """Both take the one slot of one pool, each in a DAG that runs once at a time."""
    from infra.airflow import POOLS

    writers = {
        (dag.dag_id, task.task_id)
        for dag in bag.dags.values()
        for task in dag.tasks
        if task.pool == "item_knowledge_writer"
    }
    assert writers == {(MERGE, "merge"), ("daily_item_knowledge", "merge")}
    assert POOLS["item_knowledge_writer"][0] == 1
    assert {bag.dags[dag_id].max_active_runs for dag_id, _ in writers} == {1}


def test_they_are_off_until_somebody_turns_them_on_and_then_run_every_minute(bag):
    for dag_id in (TUNNEL, MERGE):
        dag = bag.dags[dag_id]
        assert (dag.is_paused_upon_creation, dag.catchup, dag.max_active_runs) == (True, False, 1)
        assert dag.schedule.total_seconds() == 60
        assert {task.retries for task in dag.tasks} == {0}
        assert "Turn on" in dag.doc_md


def test_commands(bag):
    dag = bag.dags[TUNNEL]
    assert rendered(dag, "stack")[0] == ["up", "--only", "kafka,flink,lookup"]
    nearline = ["stream", "start", "nearline", *WHERE, "--window-s", "60"]
    assert rendered(dag, "nearline") == (nearline, "True")
    assert rendered(dag, "realtime") == (["stream", "start", "realtime", *WHERE], "True")
    assert rendered(dag, "realtime", tiers="nearline")[1] == "False"
    assert rendered(dag, "check")[0] == ["supervise", "--timeout", "180"]
    assert rendered(bag.dags[MERGE], "merge")[0] == ["merge", "--follow", "--warehouse", "/w"]


def test_every_command_is_one_that_the_command_line_takes(bag):
    """Parsed by the real parser, in the environment of the engines."""
    words = [
        rendered(bag.dags[dag_id], task.task_id)[0]
        for dag_id in (TUNNEL, MERGE)
        for task in bag.dags[dag_id].tasks
    ]
    code = "import json, sys; from jobs.cli import build_parser; parser = build_parser()\n"
    code += "for words in json.loads(sys.argv[1]): parser.parse_args(words)"
    python = str(ROOT / ".local/engines/bin/python")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [python, "-c", code, json.dumps(words)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (told.returncode, told.stderr) == (0, "")


def test_a_tier_that_is_not_asked_for_is_skipped(bag):
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException):
        run_aiic(["stream", "start", "realtime"], "False")
    assert bag.dags[TUNNEL].get_task("check").trigger_rule == "none_failed"


def test_a_command_that_fails_fails_its_task_with_its_last_lines(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("AIIC_STACK_STATE_DIR", str(tmp_path))
    run_aiic(["supervise"])
    assert "nothing was started" in capsys.readouterr().out
    with pytest.raises(
        AirflowError, match=r"`aiic supervise nothing\$\(id\)` ended with code 2.*choose from"
    ):
        run_aiic(["supervise", "nothing$(id)"])


def test_a_real_airflow_starts_a_killed_broker_again(broker, tmp_path):
    """The whole DAG in a process and a home of its own, where nothing but the broker is asked for."""
    before = broker.pid
    os.kill(before, signal.SIGKILL)
    conf = json.dumps({"components": "kafka", "tiers": ""})
    # This process may touch no database; the one that runs the DAG has its own.
    base = {name: value for name, value in broker.env.items() if not name.startswith("AIRFLOW_")}
    done = subprocess.run(
        [sys.executable, "-m", "infra.airflow_run", "run", TUNNEL, "2026-11-01", conf],
        env=AirflowHome(tmp_path).environment(base),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "kafka: had died, starting again" in done.stdout + done.stderr
    assert broker.pid != before
    host, port = broker.servers.split(":")
    socket.create_connection((host, int(port)), timeout=5).close()
