"""A small world for killing things: the demo ontology, 56 listings in small shards, and a fake inference server."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from infra.spark_submit import start_spark_job
from infra.vllm import EncoderClient
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release
from pipelines.ontology.store import OntologyStore, Source
from pipelines.tunnel.plan_folder import PlanFolder, current_plan, read_plan

ROOT = Path(__file__).resolve().parents[2]
JOB = "jobs/batch/daily_item_knowledge.py"
DAY = "2026-11-01"
STEP_TIMEOUT_S = 240


@dataclass
class Fleet:
    """One fake inference server; kill it and start it again at will."""

    folder: Path
    delay_s: float = 0.0
    process: subprocess.Popen[str] | None = None
    url: str = ""

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "AIIC_FAKE_DELAY_S": str(self.delay_s)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.fake_fleet", str(self.log)],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http"), "the fake server did not start"

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def log(self) -> Path:
        return self.folder / "requests.jsonl"

    def encoded(self) -> list[str]:
        """All texts that were encoded until now, in order."""
        if not self.log.exists():
            return []
        bodies = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [text for body in bodies if body["path"].endswith("/embeddings") for text in body["input"]]


@dataclass
class World:
    """A warehouse, and the job's steps as processes of their own, started by the real spark-submit."""

    warehouse: Path
    fleet: Fleet
    master: str = "local[2,4]"
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, step: str, *words: str) -> subprocess.Popen[bytes]:
        log = self.log(step).open("wb")
        arguments = [step, "--day", DAY, "--warehouse", str(self.warehouse), "--ontology", "demo", *words]
        environment = {
            "AIIC_ENCODER_URL": self.fleet.url,
            "AIIC_DISCRIMINATOR_URL": self.fleet.url,
            # The fleet is no model: what it calls itself is not what the released version expects.
            "AIIC_ENCODER_MODEL": "any",
            "AIIC_DISCRIMINATOR_MODEL": "any",
            "OMP_NUM_THREADS": "1",
            # Short runs gain more from a JVM that starts fast than from one that runs fast.
            "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        }
        with log:
            process = start_spark_job(JOB, arguments, log, self.master, environment)
        self.started.append(process)
        return process

    def run(self, step: str, *words: str) -> None:
        """Run a step to its good end."""
        code = self.start(step, *words).wait(STEP_TIMEOUT_S)
        assert code == 0, self.said(step)

    def log(self, step: str) -> Path:
        self.warehouse.mkdir(parents=True, exist_ok=True)
        return self.warehouse / f"{step}.log"

    def said(self, step: str) -> str:
        return self.log(step).read_text(errors="replace")[-6000:]

    @property
    def folder(self) -> PlanFolder:
        return current_plan(self.warehouse, DAY)

    def results(self) -> dict[str, tuple[int, int]]:
        """Finished shards: inode and time of change of each result, which tell whether it was written again."""
        found = (self.folder.root / "results").glob("*.parquet")
        return {path.stem: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}

    def shards(self) -> int:
        return len(read_plan(self.folder)[1])

    def wait_for_results(self, count: int, process: subprocess.Popen[bytes], step: str) -> None:
        """Wait until some, but by far not all shards are finished."""
        wait_until(lambda: len(self.results()) >= count or process.poll() is not None, f"{count} results")
        assert process.poll() is None, f"{step} ended too early\n{self.said(step)}"

    def table(self) -> list[dict[str, object]]:
        """Every row of item_knowledge, without Hudi's own columns, in order of its key."""
        from hudi import HudiTableBuilder

        batches = HudiTableBuilder.from_base_uri((self.warehouse / "item_knowledge").as_uri()).build().read()
        rows = [
            {name: value for name, value in row.items() if not name.startswith("_hoodie")}
            for batch in batches
            for row in batch.to_pylist()
        ]
        return sorted(rows, key=lambda row: (row["item_id"], row["attr_id"]))

    def end(self) -> None:
        for process in self.started:
            kill_group(process)


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = STEP_TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain for {what}"
        time.sleep(0.02)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a job and all its processes: Spark's JVM, the Python driver, its workers."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


def python_workers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The Python workers that run Spark's tasks: children of Spark's Python daemon."""
    family = psutil.Process(process.pid).children(recursive=True)
    daemons = [one for one in family if "pyspark.daemon" in command_of(one)]
    return [one for one in daemons if one.parent() in daemons]


def command_of(process: psutil.Process) -> str:
    """The command line of a process; empty for one that has ended meanwhile."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose day is planned and not yet recognised. Copy it, do not change it."""
    warehouse = tmp_path_factory.mktemp("planned")
    fleet = Fleet(warehouse)
    fleet.start()
    try:
        store = OntologyStore(warehouse, "demo")
        store.commit(load_interchange(ROOT / "infra/demo/catalog/ontology"), Source("test"), 0)
        asyncio.run(_release(store, fleet.url))
        lines = (ROOT / "infra/demo/catalog/listings.jsonl").read_text("utf-8").splitlines()[::8]
        listings = warehouse / "incoming" / DAY / "listings.jsonl"
        listings.parent.mkdir(parents=True)
        listings.write_text("\n".join(lines) + "\n", "utf-8")
        made = World(warehouse, fleet)
        made.run("plan", "--rows-per-shard", "4")
        yield made
        made.end()
    finally:
        fleet.kill()


async def _release(store: OntologyStore, url: str) -> None:
    async with EncoderClient(url) as client:
        encoder_id = await client.model_id()
        folder = store.folder / "releases" / f"{store.find().version}--fake"
        await make_release(store, None, client.embed, encoder_id, folder)


@pytest.fixture
def world(planned: World, tmp_path: Path) -> Iterator[World]:
    """A copy of the planned world with a server of its own, slow enough to be caught at work."""
    fleet = Fleet(tmp_path, delay_s=0.3)
    fleet.start()
    made = copy_of(planned, tmp_path / "warehouse", fleet)
    try:
        yield made
    finally:
        made.end()
        fleet.kill()


@pytest.fixture(scope="session")
def recognised(planned: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose day is recognised and not yet merged. Copy it, do not change it."""
    made = copy_of(planned, tmp_path_factory.mktemp("recognised") / "warehouse", planned.fleet)
    made.run("recognise")
    return made


@pytest.fixture(scope="session")
def undisturbed(recognised: World, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """item_knowledge as a run ends that nobody disturbs."""
    made = copy_of(recognised, tmp_path_factory.mktemp("undisturbed") / "warehouse", recognised.fleet)
    made.run("merge")
    table = made.table()
    assert len(table) > 400
    return table


def copy_of(world: World, warehouse: Path, fleet: Fleet) -> World:
    """The same warehouse at another place, with another server."""
    shutil.copytree(world.warehouse, warehouse)
    return World(warehouse, fleet, world.master)
