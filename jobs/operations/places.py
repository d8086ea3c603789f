"""Where the parts of the tunnel are: those of the local stack unless told otherwise."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local.config import LocalConfig
from infra.local.flink import rest_url
from infra.local.merge import page_url
from pipelines.ontology.store import default_warehouse


@dataclass(frozen=True, slots=True)
class Places:
    """Kafka's servers; where pages are, all without a path: Flink's for each tier, merge, lookup, model servers; the warehouse."""

    kafka: str
    realtime: str
    nearline: str
    merge: str
    lookup: str
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
        encoder=_root(env.get("AIIC_ENCODER_URL") or config.url(config.encoder)),
        discriminator=_root(env.get("AIIC_DISCRIMINATOR_URL") or config.url(config.discriminator)),
        warehouse=Path(env.get("AIIC_WAREHOUSE") or default_warehouse()),
    )


PAGES = ("realtime", "nearline", "merge", "lookup", "encoder", "discriminator")


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
    given = {name: getattr(args, name) for name in PAGES}
    for tier in ("realtime", "nearline"):
        given[tier] = given[tier] or args.flink
    found = replace(local, **{name: _root(url) for name, url in given.items() if url})
    found = replace(found, kafka=args.kafka or local.kafka)
    return replace(found, warehouse=args.warehouse) if args.warehouse else found


def _root(url: str) -> str:
    """The root of an address that may end in /v1."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")
