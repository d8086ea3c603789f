"""Streams and services as they are to run on Kubernetes: sizes and addresses, read from tunnel.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.deploy.typed import ProfileError, read_record

FILE = Path(__file__).with_name("tunnel.toml")


@dataclass(frozen=True, slots=True)
class FlinkSize:
    """Of each tier's cluster. Units: cores, MB. `version`: of Flink, as "2.2"."""

    version: str
    service_account: str
    jobmanager_cpu: float
    jobmanager_mb: int
    taskmanager_cpu: float
    taskmanager_mb: int
    managed_mb: int
    slots: int


@dataclass(frozen=True, slots=True)
class Tier:
    """One stream job's own settings; the others are `pipelines.tunnel.stream_config.StreamConfig`'s."""

    parallelism: int
    window_s: int
    discriminator: Literal["cascade", "all", "off"]

    def __post_init__(self) -> None:
        if self.parallelism < 1 or self.window_s < 1:
            raise ProfileError("parallelism and window_s must be above 0")


@dataclass(frozen=True, slots=True)
class Service:
    """One Deployment. Units: cores, GiB, s."""

    replicas: int
    port: int
    cpu_cores: int
    memory_gib: int
    start_timeout_s: int

    def __post_init__(self) -> None:
        for name in ("replicas", "cpu_cores", "memory_gib", "start_timeout_s"):
            if getattr(self, name) < 1:
                raise ProfileError(f"{name} must be above 0")
        if not 1024 <= self.port <= 65535:
            raise ProfileError("port must be 1024 to 65535: the server is no root")


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Everything of the tunnel but the model servers. `ran`: what of this has ever been run, in words for people."""

    ran: str
    image: str
    kafka_host: str
    kafka_port: int
    store: str
    warehouse_claim: str
    keys_secret: str
    ontology: str
    flink: FlinkSize
    nearline: Tier
    realtime: Tier
    merge: Service
    lookup_writer: Service
    lookup: Service
    algorithms: Service
    metrics: Service

    def __post_init__(self) -> None:
        for name in ("merge", "lookup_writer"):
            if getattr(self, name).replicas != 1:
                raise ProfileError(f"{name}.replicas must be 1: there is one writer")
        if not self.store.startswith(("redis://", "rediss://")):
            raise ProfileError("store must be a redis:// or rediss:// address: several pods share it")

    @property
    def kafka(self) -> str:
        """Kafka's address as clients want it."""
        return f"{self.kafka_host}:{self.kafka_port}"


def load_tunnel(path: Path | None = None) -> Tunnel:
    """Read tunnel.toml, or the file at `path`. Errors: ProfileError."""
    file = path or FILE
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"{file}: cannot be read: {error}") from error
    return read_record(Tunnel, table, file.name)
