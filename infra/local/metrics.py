"""The page of numbers for Prometheus as a component of the local stack: `aiic metrics`, detached."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from infra.local.component import Component, Port
from infra.local.config import ROOT, LocalConfig
from infra.status_page import healthy

NAME = "metrics"
PORT_VARIABLE = "AIIC_METRICS_PORT"
DEFAULT_PORT = 18160
START_TIMEOUT_S = 90.0


def metrics_port(env: Mapping[str, str] = os.environ) -> int:
    """Where the page is."""
    return int(env.get(PORT_VARIABLE, DEFAULT_PORT))


def metrics_component(config: LocalConfig, env: Mapping[str, str] = os.environ) -> Component:
    """Describe the page. It needs none of the parts that it tells of."""
    port = metrics_port(env)
    return Component(
        name=NAME,
        argv=(sys.executable, "-m", "jobs.cli", "metrics", "--port", str(port)),
        env={
            "PYTHONPATH": str(ROOT),
            "AIIC_STACK_STATE_DIR": str(config.stack.state_dir.absolute()),
            "PYTHONUNBUFFERED": "1",
        },
        ports=(Port(port, PORT_VARIABLE),),
        needs=(),
        healthy=lambda: healthy(f"http://{config.stack.host}:{port}"),
        start_timeout_s=START_TIMEOUT_S,
        identity="metrics-1",
        niceness=10,
    )
