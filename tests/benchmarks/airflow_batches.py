"""A message on `item-batches` through `airflow standalone` to rows in the table: all real, the watcher included.

    .local/engines/bin/python -m tests.benchmarks.airflow_batches [--listings 40]

Broker and model servers of a stack of its own, an Airflow home of its own (scheduler, triggerer, DAG processor, API server), the demo's
ontology and some of its listings. A message that breaks its contract is sent first: it must fail the task `check` and start
nothing. Says what every step took, and what lies in the table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from infra.local.config import load_config
from schemas.topics import BATCHES
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build/bench/airflow"
CATALOG = ROOT / "infra/demo/catalog"
PORTS = ("KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "ENCODER_PORT", "DISCRIMINATOR_PORT", "AIRFLOW_PORT")
DAY, ARRIVALS, DAILY = "2026-11-01", "run_item_batches", "daily_item_knowledge"
ENDED = ("success", "failed")
START_S, RUN_S = 240.0, 900.0
SENT_BROKEN, SENT = b'{"day": "soon"}', {"day": DAY, "ontology": "demo"}


@dataclass(slots=True)
class Airflow:
    """A running `airflow standalone`, by its API."""

    env: dict[str, str]
    process: subprocess.Popen[bytes]
    token: str = ""

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """One request. Errors: OSError, which HTTPError is."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"http://127.0.0.1:{self.env['AIIC_AIRFLOW_PORT']}{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as reply:
            return json.load(reply)

    def is_ready(self) -> bool:
        """Whether scheduler, triggerer and DAG processor are well, and both DAGs are known."""
        if self.process.poll() is not None:
            raise RuntimeError(f"airflow standalone ended: see {FOLDER / 'airflow.log'}")
        try:
            health = self.ask("/api/v2/monitor/health")
            parts = ("scheduler", "triggerer", "dag_processor")
            if any((health.get(part) or {}).get("status") != "healthy" for part in parts):
                return False
            self.token = self.ask("/auth/token")["access_token"]
            return all(self.ask(f"/api/v2/dags/{dag}")["dag_id"] for dag in (ARRIVALS, DAILY))
        except (OSError, KeyError, ValueError):
            return False

    def runs(self, dag: str) -> dict[str, str]:
        """The state of each run."""
        found = self.ask(f"/api/v2/dags/{dag}/dagRuns?limit=50")["dag_runs"]
        return {one["dag_run_id"]: one["state"] for one in found}

    def failed_tasks(self, dag: str, run: str) -> list[str]:
        """The tasks of a run that failed."""
        found = self.ask(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return [one["task_id"] for one in found if one["state"] == "failed"]


def main() -> int:
    """Run it; 0 where the sound message became rows and the broken one a failed task and nothing else."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listings", type=int, default=40)
    args = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "warehouse/incoming" / DAY).mkdir(parents=True)
    lines = (CATALOG / "listings.jsonl").read_text("utf-8").splitlines(keepends=True)[: args.listings]
    (FOLDER / "warehouse/incoming" / DAY / "listings.jsonl").write_text("".join(lines), "utf-8")
    env = _environment()
    with stack(env), standalone(env) as airflow:
        return 0 if _watched(airflow, env, len(lines)) else 1


def _watched(airflow: Airflow, env: dict[str, str], listings: int) -> bool:
    servers = load_config(env=env).kafka_servers
    wait(airflow.is_ready, "Airflow and its DAGs", START_S)
    airflow.ask(f"/api/v2/dags/{ARRIVALS}?update_mask=is_paused", "PATCH", {"is_paused": False})
    before = airflow.runs(DAILY)
    say(f"Airflow is up; runs of {DAILY} by its own schedule: {before or 'none'}")
    send(servers, SENT_BROKEN)
    first = wait(lambda: _ended(airflow, ARRIVALS), f"a run of {ARRIVALS} for the broken message", RUN_S)
    broken = {run: airflow.failed_tasks(ARRIVALS, run) for run in first}
    say(f"the broken message: {first}, failed tasks {broken}, started {_started(airflow) or 'nothing'}")
    refused = (
        list(first.values()) == ["failed"] and list(broken.values()) == [["check"]] and not _started(airflow)
    )
    send(servers, json.dumps(SENT).encode())
    found = wait(lambda: _ended_batch(airflow), f"a run of {DAILY} for the message", RUN_S)
    say(f"the message: {found}")
    query = "SELECT count(DISTINCT item_id) items, count(*) pairs FROM item_knowledge"
    rows = (
        json.loads(aiic(env, "sql", query, "--format", "json"))[0]
        if found and "success" in found.values()
        else {}
    )
    say(f"in the table, of {listings} listings: {rows}")
    return refused and list(found.values()) == ["success"] and rows.get("items") == listings


def _started(airflow: Airflow) -> dict[str, str]:
    return {run: state for run, state in airflow.runs(DAILY).items() if run.startswith("batch__")}


def _ended_batch(airflow: Airflow) -> dict[str, str]:
    return {run: state for run, state in _started(airflow).items() if state in ENDED}


def _ended(airflow: Airflow, dag: str) -> dict[str, str]:
    return {run: state for run, state in airflow.runs(dag).items() if state in ENDED}


def _environment() -> dict[str, str]:
    ports = {f"AIIC_{name}": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    return {
        **os.environ,
        **ports,
        "AIIC_STACK_STATE_DIR": str(FOLDER / "state"),
        "AIIC_WAREHOUSE": str(FOLDER / "warehouse"),
        "AIIC_AIRFLOW_HOME": str(FOLDER / "home"),
    }


@contextmanager
def stack(env: dict[str, str]) -> Iterator[None]:
    """Broker and model servers with the topics and the demo's ontology, ended whatever happens."""
    try:
        aiic(env, "up", "--only", "kafka,encoder,discriminator")
        aiic(env, "topics", "apply")
        aiic(env, "ontology", "import", str(CATALOG / "ontology"), "--name", "demo")
        aiic(env, "ontology", "release", "--name", "demo")
        say("broker and model servers run, the ontology is released")
        yield
    finally:
        aiic(env, "down")


@contextmanager
def standalone(env: dict[str, str]) -> Iterator[Airflow]:
    """`aiic airflow standalone`, a process group of its own."""
    with (FOLDER / "airflow.log").open("wb") as log:
        words = [str(ROOT / "aiic"), "airflow", "standalone"]
        process = subprocess.Popen(words, env=env, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        yield Airflow(env, process)
    finally:
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)


def aiic(env: dict[str, str], *words: str) -> str:
    """One command. Errors: RuntimeError with all that it said."""
    done = subprocess.run(
        [str(ROOT / "aiic"), *words], env=env, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"./aiic {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def send(servers: str, value: bytes) -> None:
    """Put one message on the topic."""
    producer = KafkaProducer(bootstrap_servers=servers)
    producer.send(BATCHES, key=DAY.encode(), value=value).get(timeout=60)
    producer.close()
    say(f"sent: {value.decode()}")


def wait(found: Callable[[], Any], what: str, limit_s: float) -> Any:
    """The first answer that is something. Errors: TimeoutError."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < limit_s:
        with suppress(urllib.error.URLError, TimeoutError):
            answer = found()
            if answer:
                say(f"{what}: after {time.monotonic() - began_s:.0f} s")
                return answer
        time.sleep(2)
    raise TimeoutError(f"{what}: not within {limit_s:.0f} s, see {FOLDER / 'airflow.log'}")


def say(line: str) -> None:
    """A line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
