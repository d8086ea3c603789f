"""Where the parts of the tunnel are: those of the local stack unless told otherwise."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local.algorithms import algorithms_port
from infra.local.config import LocalConfig
from infra.local.flink import rest_url
from infra.local.merge import page_url
from pipelines.ontology.store import default_warehouse


@dataclass(frozen=True, slots=True)
class Places:
    """Kafka's servers; where pages are, all without a path: Flink's for each tier, merge, services, model servers; the warehouse."""

    kafka: str
    realtime: str
    nearline: str
    merge: str
    lookup: str
    algorithms: str
    encoder: str
    discriminator: str
    warehouse: Path


def local_places(config: LocalConfig, env: Mapping[str, str] = os.environ) -> Places:
    """The places of the local stack; AIIC_ENCODER_URL and AIIC_DISCRIMINATOR_URL lead elsewhere, as they do for jobs."""
    host = config.stack.host
    return Places(
        kafka=config.kafka_servers,
        realtime=rest_url(config),
        nearline=rest_url(config),
        merge=page_url(config, env),
        lookup=f"http://{host}:{config.lookup.port}",
        algorithms=f"http://{host}:{algorithms_port(env)}",
        encoder=_root(env.get("AIIC_ENCODER_URL") or config.url(config.encoder)),
        discriminator=_root(env.get("AIIC_DISCRIMINATOR_URL") or config.url(config.discriminator)),
        warehouse=Path(env.get("AIIC_WAREHOUSE") or default_warehouse()),
    )


PAGES = ("realtime", "nearline", "merge", "lookup", "algorithms", "encoder", "discriminator")


def add_places(parser: argparse.ArgumentParser) -> None:
    """Options that name places."""
    parser.add_argument("--kafka", metavar="HOST:PORT", help="default: that of the local stack, as for all")
    parser.add_argument("--flink", metavar="URL", help="Flink's REST interface, of both tiers")
    for name in PAGES:
        parser.add_argument(f"--{name}", metavar="URL")
    parser.add_argument(
        "--warehouse", type=Path, help="folder of all tables (AIIC_WAREHOUSE, build/warehouse)"
    )


def named_places(args: argparse.Namespace, local: Places) -> Places:
    """The local places but for those that the command line names."""
    found = replace(local, kafka=args.kafka or local.kafka, warehouse=args.warehouse or local.warehouse)
    return replace(
        found,
        realtime=_root(args.realtime or args.flink or local.realtime),
        nearline=_root(args.nearline or args.flink or local.nearline),
        merge=_root(args.merge or local.merge),
        lookup=_root(args.lookup or local.lookup),
        algorithms=_root(args.algorithms or local.algorithms),
        encoder=_root(args.encoder or local.encoder),
        discriminator=_root(args.discriminator or local.discriminator),
    )


def _root(url: str) -> str:
    """The root of an address that may end in /v1; of several, as replicas have, the first."""
    return url.partition(",")[0].strip().rstrip("/").removesuffix("/v1").rstrip("/")
