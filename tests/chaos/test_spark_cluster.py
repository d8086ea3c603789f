"""The offline job on a standalone Spark cluster of two workers, one of whose executors is killed at work."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from infra.spark_submit import ENGINES_BIN
from tests.chaos.conftest import STEP_TIMEOUT_S, command_of, kill_group, wait_until
from tests.ports import free_ports

pytestmark = [pytest.mark.integration, pytest.mark.slow]
LOOPBACK = "127.0.0.1"


@dataclass
class Cluster:
    """A master and workers of one core each, ended by their own process groups."""

    folder: Path
    port: int
    members: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"spark://{LOOPBACK}:{self.port}"

    def start(self, workers: int) -> None:
        self._spawn("master", "master.Master", "--port", str(self.port), "--webui-port", "0")
        wait_until(self._listens, "the Spark master", 120)
        for number in range(workers):
            self._spawn(f"worker-{number}", "worker.Worker", "--cores", "1", "--memory", "1g", self.url)
        wait_until(lambda: self.log("master").count("Registering worker") == workers, "the workers", 120)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def executors(self, worker: int) -> list[Path]:
        """Folders of the executors that a worker has started."""
        return sorted((self.folder / f"worker-{worker}").glob("app-*/*"))

    def executor_processes(self) -> list[psutil.Process]:
        family = [
            one for member in self.members for one in psutil.Process(member.pid).children(recursive=True)
        ]
        return [one for one in family if "CoarseGrainedExecutorBackend" in command_of(one)]

    def stop(self) -> None:
        for member in self.members:
            kill_group(member)

    def _spawn(self, name: str, kind: str, *words: str) -> None:
        environment = {**os.environ, "SPARK_WORKER_DIR": str(self.folder / name), "SPARK_LOCAL_IP": LOOPBACK}
        environment |= {
            "PYSPARK_PYTHON": str(ENGINES_BIN / "python"),
            "PATH": f"{ENGINES_BIN}:{os.environ['PATH']}",
        }
        command = [
            str(ENGINES_BIN / "spark-class"),
            f"org.apache.spark.deploy.{kind}",
            "--host",
            LOOPBACK,
            *words,
        ]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.members.append(
                subprocess.Popen(
                    command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                )
            )

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    [port] = free_ports(1)
    made = Cluster(tmp_path, port)
    try:
        made.start(workers=2)
        yield made
    finally:
        made.stop()


def test_two_workers_share_the_shards_and_survive_the_loss_of_an_executor(cluster, world, undisturbed):
    world.master = cluster.url
    running = world.start("all", "--rows-per-shard", "4")
    world.wait_for_results(2, running, "all")
    finished = world.results()
    cluster.executor_processes()[0].kill()
    assert running.wait(STEP_TIMEOUT_S) == 0, world.said("all")
    assert world.table() == undisturbed
    after = world.results()
    assert {name: after[name] for name in finished} == finished
    started = [len(cluster.executors(worker)) for worker in (0, 1)]
    assert min(started) >= 1 and sum(started) >= 3, (
        "both workers had an executor, and the lost one was replaced"
    )
