"""Settings of the lookup service and its consumer: `[lookup]` of infra/deploy/local.toml, overridden by AIIC_LOOKUP_*."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.kv import open_kv
from infra.local.config import load_config
from pipelines.ontology.store import default_warehouse
from pipelines.tunnel.store import HistoryLimits
from pipelines.tunnel.store_knowledge import KnowledgeStore

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class LookupSettings:
    """Where the service listens, what it reads and where it keeps it. `store`: a folder, or a server's address."""

    host: str
    port: int
    store: str
    map_gib: int
    keys_file: Path
    secret_file: Path
    kafka_servers: str
    warehouse: Path
    max_ids: int
    history: HistoryLimits


def read_settings(env: Mapping[str, str] = os.environ) -> LookupSettings:
    """The settings. Errors: infra.local.config.ConfigError."""
    local = load_config(env=env)
    section, home = local.lookup, local.stack.state_dir / "lookup"
    return LookupSettings(
        host=local.stack.host,
        port=section.port,
        store=str(home / "store") if section.store == EMBEDDED else section.store,
        map_gib=section.map_gib,
        keys_file=home / "keys.toml",
        secret_file=home / "local.key",
        kafka_servers=local.kafka_servers,
        warehouse=Path(env.get("AIIC_WAREHOUSE") or default_warehouse()),
        max_ids=section.max_ids,
        history=HistoryLimits(section.history_rows, section.history_days),
    )


def open_store(settings: LookupSettings) -> KnowledgeStore:
    """Open the item store."""
    return KnowledgeStore(open_kv(settings.store, settings.map_gib), settings.history)
