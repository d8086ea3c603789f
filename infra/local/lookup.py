"""The lookup service as a component: `aiic serve` in the environment of the engines."""

import os
import sys
import urllib.request
from pathlib import Path

from infra.local.component import Component, Port
from infra.local.config import ROOT, LocalConfig

NAME = "lookup"
IDENTITY = "lookup-1"


def lookup_component(config: LocalConfig) -> Component:
    """Describe the service. Its consumer waits for Kafka by itself: healthy means that it answers, not that it caught up."""
    section = config.lookup
    url = f"http://{config.stack.host}:{section.port}"
    return Component(
        name=NAME,
        argv=(sys.executable, "-m", "jobs.cli", "serve", "lookup"),
        env={
            "PYTHONPATH": str(ROOT),
            "AIIC_STACK_HOST": config.stack.host,
            "AIIC_STACK_STATE_DIR": str(config.stack.state_dir.absolute()),
            "AIIC_KAFKA_PORT": str(config.kafka.port),
            # The service runs in the state folder: what its caller names from where he stands must be made absolute.
            "AIIC_WAREHOUSE": str(
                Path(os.environ.get("AIIC_WAREHOUSE") or ROOT / "build/warehouse").absolute()
            ),
            "AIIC_LOOKUP_PORT": str(section.port),
            "AIIC_LOOKUP_STORE": section.store,
            "AIIC_LOOKUP_MAP_GIB": str(section.map_gib),
            "AIIC_LOOKUP_MAX_IDS": str(section.max_ids),
            "AIIC_LOOKUP_HISTORY_ROWS": str(section.history_rows),
            "AIIC_LOOKUP_HISTORY_DAYS": str(section.history_days),
        },
        ports=(Port(section.port, "AIIC_LOOKUP_PORT"),),
        needs=(),
        healthy=lambda: alive(url, timeout_s=2.0),
        start_timeout_s=section.start_timeout_s,
        identity=IDENTITY,
    )


def alive(url: str, timeout_s: float) -> bool:
    """Tell whether the service at `url` answers."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=timeout_s) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
