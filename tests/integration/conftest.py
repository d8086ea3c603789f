"""The local stack for integration tests: real Kafka and vLLM, started by the real command."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.local.config import load_config
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]
REUSE = "AIIC_TEST_REUSE_STACK"
UP_TIMEOUT_S = 600


@dataclass(frozen=True)
class RunningStack:
    """A stack with all three components up. `env` leads any `./aiic` command to it."""

    kafka_servers: str
    discriminator_url: str
    encoder_url: str
    state_dir: Path
    env: Mapping[str, str]

    def aiic(self, *words: str, timeout_s: float = UP_TIMEOUT_S) -> "subprocess.CompletedProcess[str]":
        """Run one `./aiic` command against this stack."""
        return subprocess.run(
            [str(ROOT / "aiic"), *words],
            env=dict(self.env),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def status(self) -> dict[str, dict[str, Any]]:
        """Return `aiic status --json` by component."""
        rows = json.loads(self.aiic("status", "--brief", "--json").stdout)["components"]
        return {row["name"]: row for row in rows}


def running_stack(env: Mapping[str, str]) -> RunningStack:
    """Describe the stack that these variables lead to."""
    config = load_config(env=env)
    return RunningStack(
        config.kafka_servers,
        config.url(config.discriminator),
        config.url(config.encoder),
        config.stack.state_dir,
        env,
    )


def own_settings(state_dir: Path) -> dict[str, str]:
    """Variables for a stack of its own: free ports, its own state."""
    names = ("KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "DISCRIMINATOR_PORT", "ENCODER_PORT")
    ports = {f"AIIC_{name}": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    return {**os.environ, **ports, "AIIC_STACK_STATE_DIR": str(state_dir)}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """All three components up, for the whole session; ended at its end.

    AIIC_TEST_REUSE_STACK=1 uses (and completes, and leaves running) the stack that `./aiic up` started.
    """
    reuse = os.environ.get(REUSE) == "1"
    env = dict(os.environ) if reuse else own_settings(tmp_path_factory.mktemp("stack"))
    made = running_stack(env)
    started = made.aiic("up")
    try:
        if started.returncode != 0:
            pytest.fail(f"./aiic up failed\n{started.stdout}{started.stderr}")
        yield made
    finally:
        if not reuse:
            _end(made)


def _end(made: RunningStack) -> None:
    """End the stack and make sure that no process of it is left."""
    groups = [row["pid"] for row in made.status().values() if row["pid"]]
    ended = made.aiic("down", timeout_s=120)
    left = [one.pid for one in psutil.process_iter(["status"]) if _in_groups(one, groups)]
    if ended.returncode != 0 or left:
        pytest.fail(f"./aiic down left processes {left}\n{ended.stdout}{ended.stderr}")


def _in_groups(one: psutil.Process, groups: list[int]) -> bool:
    try:
        return os.getpgid(one.pid) in groups and one.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
