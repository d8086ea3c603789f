"""`aiic metrics`: lag, freshness, dead letters, stream jobs and daily runs as a page for Prometheus."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `metrics`."""
    from jobs.operations.places import add_places

    words = (
        "lag, freshness, dead letters, stream jobs and daily runs as a page for Prometheus, in the foreground"
    )
    parser = subparsers.add_parser("metrics", help=words, description=words)
    parser.add_argument("--once", action="store_true", help="print the page and end")
    parser.add_argument("--host", help="address to listen at, default that of the local stack")
    parser.add_argument("--port", type=int, help="default AIIC_METRICS_PORT, else 18160")
    parser.add_argument(
        "--every", type=float, default=10.0, metavar="S", help="between looks, default %(default)s"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=8.0,
        metavar="S",
        help="wait at most so long for a part, default %(default)s",
    )
    add_places(parser)
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    from infra.local.config import ConfigError, load_config
    from infra.local.metrics import metrics_port
    from jobs.operations.exporter import Newest, serve_metrics
    from jobs.operations.kafka_probe import KafkaProbe
    from jobs.operations.look import Looker
    from jobs.operations.places import local_places, named_places
    from jobs.operations.probes import now_ms, probes
    from pipelines.tunnel.operations import page, samples_of

    try:
        config = load_config(env=os.environ)
        places = named_places(args, local_places(config))
        kafka = KafkaProbe(places.kafka, now_ms, timeout_s=args.limit / 2)
        looker = Looker(probes(places, kafka, now_ms), args.limit)
        if args.once:
            print(page(samples_of(looker.look(), now_ms())), end="")
            return 0
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        newest = Newest(now_ms, int(args.every * 1000))
        port = metrics_port() if args.port is None else args.port
        serve_metrics(
            looker, newest, args.host or config.stack.host, port, stop, lambda line: print(line, flush=True)
        )
    except (ConfigError, OSError) as error:
        print(f"aiic metrics: {error}", file=sys.stderr)
        return 1
    return 0
