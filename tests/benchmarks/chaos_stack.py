"""A tunnel to kill parts of: broker, Flink with both jobs, merge, lookup service, model server, and what supervises them."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from infra.flink_cluster import Cluster, FlinkError
from infra.http_keys import add_key
from infra.local.config import LocalConfig, load_config
from infra.local.flink import rest_url
from infra.local.merge import page_url
from infra.local.process import ProcessId, identify
from infra.local.state import load
from infra.status_page import look
from pipelines.tunnel.stream_config import job_name
from tests.ports import free_ports
from udfs.version import event_ms_of

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/bench/tunnel/chaos"
ONTOLOGY = ROOT / "infra/demo/catalog/ontology"
PORTS = (
    "KAFKA_PORT",
    "KAFKA_CONTROLLER_PORT",
    "FLINK_PORT",
    "FLINK_RPC_PORT",
    "LOOKUP_PORT",
    "MERGE_PORT",
    "ENCODER_PORT",
)
TIERS = ("nearline", "realtime")
KEPT = ("kafka", "flink", "merge", "lookup")
START_S, END_S = 600.0, 60.0
MODEL_AWAY_S = 5.0
PATIENCE = "AIIC_CHAOS_PATIENCE"
"""Factor of every limit but the one that is measured against, for a machine that does other work."""
UNLIMITED = "items_per_s = 1e9\nburst = 1000000000\n"
Say = Callable[[str], None]


@dataclass
class ChaosStack:
    """The running tunnel. `env` leads any `./aiic` command to it."""

    env: dict[str, str]
    config: LocalConfig
    warehouse: Path
    key: str
    real_model: bool
    supervisor: subprocess.Popen[bytes] | None = None
    model: subprocess.Popen[bytes] | None = None
    victims: list[int] = field(default_factory=list)

    @property
    def servers(self) -> str:
        """The broker."""
        return self.config.kafka_servers

    def aiic(self, *words: str, timeout_s: float = START_S) -> str:
        """One command. Errors: RuntimeError with all that it said."""
        done = subprocess.run(
            [str(ROOT / "aiic"), *words], env=self.env, cwd=ROOT, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(
                f"./aiic {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def process(self, name: str) -> int:
        """The pid of what a kill is aimed at. Errors: LookupError where it does not run."""
        component = {"broker": "kafka", "taskmanager": "flink", "jobmanager": "flink"}.get(name, name)
        if name == "model" and not self.real_model:
            if self.model is None or self.model.poll() is not None:
                raise LookupError("the model server does not run")
            return self.model.pid
        running = load(self.config.stack.state_dir, "encoder" if name == "model" else component)
        if running is None:
            raise LookupError(f"{name} does not run")
        classes = {"taskmanager": "TaskManagerRunner", "jobmanager": "StandaloneSessionClusterEntrypoint"}
        if name not in classes:
            return running.process.pid
        for one in psutil.Process(running.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if classes[name] in " ".join(one.cmdline()):
                    return one.pid
        raise LookupError(f"no {name} runs")

    def kill(self, names: Sequence[str]) -> None:
        """kill -9 of all of them, at once."""
        pids = [self.process(name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.victims += pids
        if "model" in names and not self.real_model and self.model is not None:
            self.model.wait()

    def start_model(self) -> None:
        """The stand-in for the model server; a fleet's own orchestrator starts a real one again."""
        if self.real_model:
            return
        words = [
            sys.executable,
            "-m",
            "tests.benchmarks.tunnel_chaos",
            "--serve-model",
            self.env["AIIC_ENCODER_PORT"],
        ]
        with (FOLDER / "model.log").open("ab") as log:
            self.model = subprocess.Popen(words, cwd=ROOT, env=self.env, stdout=log, stderr=log)
        _note(self.model)
        port = int(self.env["AIIC_ENCODER_PORT"])
        wait_until(lambda: _listens(port), "the model server", 120.0)

    def newest_ms(self, items: Sequence[str]) -> dict[str, int]:
        """The time of each item's state as the lookup service has it; nothing where it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.config.lookup.port, timeout=5.0)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/items:batch", json.dumps({"ids": list(items)}), headers)
            reply = connection.getresponse()
            body = reply.read()
            found = json.loads(body)["items"] if reply.status == 200 else []
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()
        return {one["item_id"]: event_ms_of(one["version"]) for one in found}

    def merge_told(self) -> Mapping[str, object]:
        """The merge's page; nothing where it does not answer."""
        return look(page_url(self.config, self.env)) or {}

    def is_well(self) -> bool:
        """Whether both jobs run, as the cluster sees them, and the merge is well."""
        told = self.merge_told()
        if not told or told.get("problem"):
            return False
        try:
            jobs = Cluster(rest_url(self.config), {}).jobs()
        except FlinkError:
            return False
        return {job_name(tier) for tier in TIERS} <= {job.name for job in jobs if job.state == "RUNNING"}


@contextmanager
def chaos_stack(real_model: bool, window_s: int, say: Say) -> Iterator[ChaosStack]:
    """Start everything, and end it whatever happens; what an earlier run left is ended first."""
    made = _described(real_model)
    _clear(made)
    try:
        _start(made, window_s, say)
        yield made
    finally:
        _end(made)


def _described(real_model: bool) -> ChaosStack:
    state, warehouse = FOLDER / "state", FOLDER / "warehouse"
    env = {**os.environ, "AIIC_STACK_STATE_DIR": str(state), "AIIC_WAREHOUSE": str(warehouse)}
    env["OMP_NUM_THREADS"] = "1"
    env |= {f"AIIC_{name}": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    url = f"http://127.0.0.1:{env['AIIC_ENCODER_PORT']}/v1"
    env |= {"AIIC_ENCODER_URL": url, "AIIC_DISCRIMINATOR_URL": url, "AIIC_DISCRIMINATOR_MODEL": "any"}
    if not real_model:
        env["AIIC_ENCODER_MODEL"] = "any"
    return ChaosStack(env, load_config(env=env), warehouse, "", real_model)


def _start(made: ChaosStack, window_s: int, say: Say) -> None:
    FOLDER.mkdir(parents=True)
    made.key = add_key(FOLDER / "state/lookup/keys.toml", "bench")
    with (FOLDER / "state/lookup/keys.toml").open("a", encoding="utf-8") as keys:
        keys.write(UNLIMITED)
    made.start_model()
    made.aiic("up", "--only", "kafka,flink" + (",encoder" if made.real_model else ""))
    say("broker and Flink run")
    made.aiic("topics", "apply")
    made.aiic("ontology", "import", str(ONTOLOGY), "--name", "demo")
    made.aiic("ontology", "release", "--name", "demo")
    say("ontology released")
    for tier in TIERS:
        words = ("--ontology", "demo", "--warehouse", str(made.warehouse), "--window-s", str(window_s))
        words = ("stream", "start", tier, *words, "--give-up-s", "10", "--discriminator", "off")
        say(_started(made, words))
    made.aiic("up", "--only", "merge,lookup", timeout_s=900)
    say("merge and lookup run")
    with (FOLDER / "supervise.log").open("ab") as log:
        made.supervisor = subprocess.Popen(
            [str(ROOT / "aiic"), "supervise", "--watch"], env=made.env, cwd=ROOT, stdout=log, stderr=log,
        )  # fmt: skip
    _note(made.supervisor)


def _started(made: ChaosStack, words: Sequence[str]) -> str:
    """What the start of a job says; on a machine that is short of cores a submission may run out of time."""
    for tries_left in (2, 1, 0):
        try:
            return made.aiic(*words).strip()
        except RuntimeError as error:
            if not tries_left or "was not submitted within" not in str(error):
                raise
    raise AssertionError("not reached")


def _end(made: ChaosStack) -> None:
    for process in (made.supervisor, made.model):
        if process is not None and process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
    made.aiic("down", timeout_s=300)


def _note(child: subprocess.Popen[bytes]) -> None:
    """Keep a child's identity: a run that was cut off leaves it to the next one."""
    with (FOLDER / "children.jsonl").open("a", encoding="utf-8") as children:
        children.write(json.dumps(asdict(identify(child.pid))) + "\n")


def _clear(made: ChaosStack) -> None:
    with suppress(FileNotFoundError):
        for line in (FOLDER / "children.jsonl").read_text("utf-8").splitlines():
            left = ProcessId(**json.loads(line))
            if is_the_same(left):
                os.kill(left.pid, signal.SIGKILL)
    if (FOLDER / "state").exists():
        made.aiic("down", timeout_s=300)
    shutil.rmtree(FOLDER, ignore_errors=True)


def is_the_same(left: ProcessId) -> bool:
    """Whether a process still runs, and is not another one of the same number."""
    try:
        return identify(left.pid) == left
    except ProcessLookupError:
        return False


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


def wait_until(
    what: Callable[[], object], words: str | Callable[[], str], patience_s: float, pause_s: float = 0.5
) -> float:
    """Wait until `what` is true; seconds that it took. Errors: TimeoutError."""
    began_s = time.monotonic()
    patience_s *= float(os.environ.get(PATIENCE, "1"))
    while not what():
        if time.monotonic() - began_s > patience_s:
            raise TimeoutError(f"not in {patience_s:.0f} s: {words() if callable(words) else words}")
        time.sleep(pause_s)
    return time.monotonic() - began_s
