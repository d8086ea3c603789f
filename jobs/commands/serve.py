"""`aiic serve`: the lookup service or the algorithm service in the foreground, keys for them, and the store rebuilt."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `serve`."""
    words = "serve items and ontology (lookup), or recognition of texts outside the catalog (algorithms), over HTTP"
    parser = subparsers.add_parser("serve", help=words, description=words)
    parser.add_argument("service", nargs="?", choices=("lookup", "algorithms"), default="lookup")
    parser.add_argument("--host", help="address to listen at, default that of the local stack")
    parser.add_argument(
        "--port",
        type=int,
        help="default AIIC_LOOKUP_PORT, else that of local.toml; algorithms: AIIC_ALGORITHMS_PORT, else 18201",
    )
    parser.add_argument(
        "--keys", type=Path, help="TOML file of API keys, default <state_dir>/lookup/keys.toml"
    )
    parser.add_argument("--store", help="folder or redis:// address, default AIIC_LOOKUP_STORE")
    parser.add_argument(
        "--warehouse", type=Path, help="folder of all tables (AIIC_WAREHOUSE, build/warehouse)"
    )
    parser.add_argument(
        "--no-follow", action="store_true", help="only answer: another process keeps the store up to date"
    )
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="make the store anew from the Hudi table, then follow the topics, and exit",
    )
    parser.add_argument("--new-key", metavar="NAME", help="make an API key, print it once, and exit")
    parser.add_argument(
        "--ontology", default="demo", help="algorithms: a released ontology, default %(default)s"
    )
    parser.add_argument(
        "--discriminator",
        choices=("cascade", "all", "off"),
        default="cascade",
        help="algorithms: which pairs go to it, default %(default)s",
    )
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    from infra.http_keys import KeysError, add_key
    from infra.kafka import KafkaUnavailable
    from infra.kafka_log import TopicMissing
    from infra.local.algorithms import algorithms_port
    from infra.local.config import ConfigError
    from jobs.services.lookup_rebuild import NotNow, rebuild
    from jobs.services.lookup_settings import read_settings
    from pipelines.tunnel.store_knowledge import StoreError

    try:
        # The consumer is another process: what was said on the command line reaches it by the environment.
        if args.store:
            os.environ["AIIC_LOOKUP_STORE"] = args.store
        if args.warehouse:
            os.environ["AIIC_WAREHOUSE"] = str(args.warehouse.absolute())
        settings = read_settings(os.environ)
        own_port = algorithms_port() if args.service == "algorithms" else settings.port
        settings = replace(
            settings,
            host=args.host or settings.host,
            port=args.port or own_port,
            keys_file=args.keys or settings.keys_file,
        )
        if args.new_key:
            print(add_key(settings.keys_file, args.new_key))
            return 0
        if args.rebuild:
            return rebuild(settings, print)
        if args.service == "algorithms":
            from jobs.services.algorithms import serve_algorithms

            return serve_algorithms(settings, args.ontology, args.discriminator)
        from jobs.services.serve import serve_lookup

        return serve_lookup(settings, follows=not args.no_follow)
    except (ConfigError, KeysError, StoreError, NotNow, KafkaUnavailable, TopicMissing) as error:
        print(f"aiic serve: {error}", file=sys.stderr)
        return 1
