"""A whole stack of its own for the benchmark of the tunnel: broker, Flink with both jobs, merge, lookup, model servers.

Free ports, its own state and warehouse below one folder. A run that was cut off leaves its state there: the next one ends
what is left of it first.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.faiss import FaissSearch
from infra.flink_cluster import Cluster
from infra.http_keys import add_key
from infra.kafka_log import open_log
from infra.local import stack as local_stack
from infra.local.config import INFERENCE_PYTHON, LocalConfig, load_config
from infra.local.flink import rest_url
from infra.local.merge import page_url, start_merge
from infra.local.vllm import model_name
from infra.status_page import look
from infra.topics import apply_topics
from infra.vllm import EncoderClient
from jobs.models import role_dirs
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.store import OntologyStore, Source
from pipelines.tunnel.stream_config import job_name
from schemas.topics import TOPICS
from tests.benchmarks.tunnel_servers import DISCRIMINATOR, ENCODER, ModelServers
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
NAME = "demo"
ONTOLOGY = ROOT / "infra/demo/catalog/ontology"
PORTS = (
    "KAFKA_PORT",
    "KAFKA_CONTROLLER_PORT",
    "FLINK_PORT",
    "FLINK_RPC_PORT",
    "ENCODER_PORT",
    "DISCRIMINATOR_PORT",
    "LOOKUP_PORT",
    "MERGE_PORT",
)
GIVEN = {ENCODER: "AIIC_ENCODER_URL", DISCRIMINATOR: "AIIC_DISCRIMINATOR_URL"}
COMMAND_S = 900
READY_S = 600.0
UNLIMITED = "items_per_s = 1e9\nburst = 1000000000\n"
Say = Callable[[str], None]


@dataclass(frozen=True)
class StackPlan:
    """How the stack is made. `band`: between which probabilities of the ranker the discriminator is asked.

    The released cascade asks it nothing (its adapter does not earn it, see its card); an adapter that does would have a band.
    """

    folder: Path
    is_stub: bool = False
    window_s: int = 20
    band: tuple[float, float] = (0.25, 0.75)


@dataclass
class TunnelStack:
    """The stack, running. `env` leads any `./aiic` command to it; `key` is a key of the lookup service without limits."""

    env: Mapping[str, str]
    config: LocalConfig
    warehouse: Path
    servers: ModelServers
    plan: StackPlan
    key: str
    model: str

    @property
    def kafka(self) -> str:
        """The broker's address."""
        return self.config.kafka_servers

    @property
    def lookup_port(self) -> int:
        """Where the lookup service listens."""
        return self.config.lookup.port

    def aiic(self, *words: str) -> str:
        """Run a command; its output. Errors: RuntimeError with what it said."""
        done = subprocess.run(
            [str(ROOT / "aiic"), *words],
            env=dict(self.env),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"./aiic {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def counters(self, tier: str) -> dict[str, int]:
        """What a stream job has counted, as the cluster shows it (it looks every ten seconds)."""
        cluster = Cluster(rest_url(self.config), {})
        job = cluster.live_job(job_name(tier))
        return cluster.counters(job.job_id) if job else {}

    def merge_told(self) -> dict[str, Any]:
        """What the merge's page tells now; {} where it does not answer."""
        return look(page_url(self.config, self.env), timeout_s=5.0) or {}

    def messages(self, topic: str) -> int:
        """How many messages a topic was given so far."""
        log = open_log(self.kafka, [topic])
        try:
            return sum(log.ends().values())
        finally:
            log.close()


@contextmanager
def tunnel_stack(plan: StackPlan, say: Say) -> Iterator[TunnelStack]:
    """Start everything, and end everything. Errors: RuntimeError, StackError: what did not start, with the end of its log."""
    state = plan.folder / "state"
    if state.exists():
        end_stack(load_config(env={**os.environ, "AIIC_STACK_STATE_DIR": str(state)}), say)
    shutil.rmtree(plan.folder, ignore_errors=True)
    plan.folder.mkdir(parents=True)
    env = own_env(plan.folder)
    config = load_config(env=env)
    try:
        began_s = time.monotonic()
        targets = _targets(plan, env, config)
        own = [role for role in (ENCODER, DISCRIMINATOR) if targets and GIVEN[role] not in os.environ]
        say(f"starting broker, Flink{''.join(f', {role}' for role in own)}")
        local_stack.up(config, local_stack.components(config, ["kafka", "flink", *own]), say, env)
        with ModelServers(targets) as servers:
            env |= _model_env(plan, servers)
            made = TunnelStack(
                env, config, plan.folder / "warehouse", servers, plan, "", _model(plan, own, config)
            )
            _start(made, say)
            say(f"stack is up after {time.monotonic() - began_s:.0f} s, models: {made.model}")
            yield made
    finally:
        end_stack(config, say)


def end_stack(config: LocalConfig, say: Say) -> None:
    """End all components and the merge."""
    local_stack.down(config, ["merge", *reversed(local_stack.NAMES)], say)


def own_env(folder: Path) -> dict[str, str]:
    """Variables for a stack of its own: free ports, its own state and warehouse."""
    ports = {f"AIIC_{name}": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    places = {"AIIC_STACK_STATE_DIR": str(folder / "state"), "AIIC_WAREHOUSE": str(folder / "warehouse")}
    # What `./aiic` gives the servers that it starts: waiting threads of one must not spin on the cores of the others.
    as_aiic = {"AIIC_HOME": str(ROOT), "OMP_WAIT_POLICY": "passive"}
    path = f"{ROOT / '.local/engines/bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, **as_aiic, "PATH": path, **ports, **places}


def _targets(plan: StackPlan, env: Mapping[str, str], config: LocalConfig) -> dict[str, str] | None:
    if plan.is_stub:
        return None
    if not (ROOT / INFERENCE_PYTHON).exists() and not set(GIVEN.values()) <= set(env):
        raise RuntimeError(f"{INFERENCE_PYTHON} is not there: run `make setup`, or measure with --stub-model")
    own = {ENCODER: config.url(config.encoder), DISCRIMINATOR: config.url(config.discriminator)}
    return {role: env[GIVEN[role]].removesuffix("/v1") if GIVEN[role] in env else own[role] for role in own}


def _model(plan: StackPlan, own: list[str], config: LocalConfig) -> str:
    """Words for the report: who answers."""
    if plan.is_stub:
        return "stand-in: no vLLM, no model; the discriminator answers `none` after 0.25 s"
    sections = {ENCODER: config.encoder, DISCRIMINATOR: config.discriminator}
    return " + ".join(
        f"{model_name(section.model_dir)} (vLLM on CPU)"
        if role in own
        else f"{role} at {os.environ[GIVEN[role]]}"
        for role, section in sections.items()
    )


def _model_env(plan: StackPlan, servers: ModelServers) -> dict[str, str]:
    """Both servers behind their proxies, and a ranker with the band."""
    dirs = role_dirs(os.environ)
    ranker = plan.folder / "ranker"
    shutil.copytree(dirs["ranker_dir"], ranker)
    meta = json.loads((ranker / "ranker.json").read_text("utf-8"))
    meta |= {"open_low": plan.band[0], "open_high": plan.band[1]}
    (ranker / "ranker.json").write_text(json.dumps(meta), "utf-8")
    found = {GIVEN[role]: url for role, url in servers.urls.items()}
    found |= {"AIIC_RANKER_DIR": str(ranker), "AIIC_CALIBRATION_DIR": dirs["calibration_dir"]}
    if servers.is_stub:
        found |= {"AIIC_ENCODER_MODEL": "any", "AIIC_DISCRIMINATOR_MODEL": "any"}
    return found


def _start(made: TunnelStack, say: Say) -> None:
    apply_topics(made.kafka, TOPICS)
    made.warehouse.mkdir(parents=True, exist_ok=True)
    made.key = add_key(made.config.stack.state_dir / "lookup/keys.toml", "bench")
    with (made.config.stack.state_dir / "lookup/keys.toml").open("a", encoding="utf-8") as keys:
        keys.write(UNLIMITED)
    asyncio.run(release(made))
    where = ("--ontology", NAME, "--warehouse", str(made.warehouse), "--fresh")

    def jobs() -> None:
        for tier in ("realtime", "nearline"):
            made.aiic("stream", "start", tier, *where, "--window-s", str(made.plan.window_s))
            say(f"{tier}: submitted")

    def services() -> None:
        local_stack.up(made.config, local_stack.components(made.config, ["lookup"]), say, made.env)
        start_merge(made.config, made.warehouse, say, env=made.env)

    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(jobs), pool.submit(services)]:
            work.result()


async def release(made: TunnelStack) -> None:
    """Import the demo ontology and make it searchable by the stack's encoder."""
    store = OntologyStore(made.warehouse, NAME)
    store.commit(load_interchange(ONTOLOGY), Source("bench-tunnel"), 0)
    async with EncoderClient(made.servers.urls[ENCODER]) as client:
        encoder_id = await client.model_id()
        folder = release_folder(store, store.find().version, encoder_id)
        await make_release(store, None, client.embed, encoder_id, folder, backend=FaissSearch())


def wait_until(what: Callable[[], Any], words: str, patience_s: float = READY_S, pause_s: float = 0.5) -> Any:
    """Wait until `what` is true; returns it. Errors: TimeoutError."""
    deadline = time.monotonic() + patience_s
    while not (found := what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {patience_s:.0f} s: {words}")
        time.sleep(pause_s)
    return found
