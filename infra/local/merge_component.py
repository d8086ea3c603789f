"""The streaming merge as a component of the local stack: how it starts, and where its page is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.component import Component, Need, Port
from infra.local.config import ROOT, LocalConfig
from infra.spark_submit import ENGINES_PYTHON, job_environment
from infra.status_page import healthy

NAME = "merge"
PORT_VARIABLE = "AIIC_MERGE_PORT"
DEFAULT_PORT = 18140
START_TIMEOUT_S = 900.0
"""A first start reads the whole table once."""
GIVES_WAY = 10
"""Commits are due in tens of seconds, what runs beside them answers in one; but what waited while no merge ran is due now."""
THREADS = max(1, (os.cpu_count() or 2) // 2)
"""Half of the cores, so that what answers at once finds one free while a commit is made."""


def merge_component(
    config: LocalConfig, warehouse: Path, options: Sequence[str] = (), env: Mapping[str, str] = os.environ
) -> Component:
    """Describe the streaming merge over one warehouse; `options` are further ones of `jobs.streaming.merge`."""
    port = int(env.get(PORT_VARIABLE, DEFAULT_PORT))
    place = ["--host", config.stack.host, "--port", str(port), "--gives-way", str(GIVES_WAY)]
    argv = [str(ENGINES_PYTHON), "-m", "jobs.streaming.merge", "--warehouse", str(warehouse.absolute())]
    return Component(
        name=NAME,
        argv=(*argv, "--kafka", config.kafka_servers, "--master", f"local[{THREADS},4]", *place, *options),
        env={**job_environment(), "PYTHONUNBUFFERED": "1"},
        ports=(Port(port, PORT_VARIABLE),),
        needs=(
            Need(ENGINES_PYTHON, "the engines environment", "run `make setup`"),
            Need(ROOT / ".local/jars/spark", "Spark's jars", "run `make setup`"),
        ),
        healthy=lambda: healthy(page_url(config, env)),
        start_timeout_s=START_TIMEOUT_S,
        identity=str(warehouse.absolute()),
    )


def page_url(config: LocalConfig, env: Mapping[str, str] = os.environ) -> str:
    """Where the merge's page is, without a path: /health, /status, /metrics."""
    return f"http://{config.stack.host}:{int(env.get(PORT_VARIABLE, DEFAULT_PORT))}"
