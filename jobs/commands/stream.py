"""`aiic stream start | status | stop | savepoint nearline|realtime`: the Flink jobs of the two stream tiers."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from infra.flink_cluster import Cluster, FlinkError
from infra.flink_wanted import WantedUnreadable
from infra.kafka import KafkaUnavailable, TopicMismatch
from infra.local.config import ROOT, ConfigError, LocalConfig, load_config
from jobs.stream_jobs import TIERS, cluster_of, held, not_wanted, start_job, state_dir
from pipelines.ontology.errors import OntologyError
from pipelines.tunnel.stream_config import StreamConfig, job_name
from schemas.event import STAR

ERRORS = (FlinkError, WantedUnreadable, KafkaUnavailable, TopicMismatch, ConfigError, OntologyError)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    stream = subparsers.add_parser("stream", help="the nearline and the real-time job on Flink")
    actions = stream.add_subparsers(dest="action", metavar="ACTION", required=True)
    start = actions.add_parser("start", help="submit a job; goes on from its last savepoint or checkpoint")
    start.add_argument("tier", choices=TIERS)
    start.add_argument("--ontology", required=True, help="name of a released ontology")
    start.add_argument("--warehouse", type=Path, default=ROOT / "build/warehouse", help="default %(default)s")
    start.add_argument(
        "--window-s", type=_positive, default=60, help="nearline: how long changes wait for others"
    )
    start.add_argument("--priorities", default=STAR, help="what real time takes, default %(default)s")
    start.add_argument("--give-up-s", type=_positive, default=60, help="real time: when nearline takes over")
    start.add_argument("--discriminator", choices=("cascade", "all", "off"), default="cascade")
    start.add_argument("--parallelism", type=_positive, default=1)
    start.add_argument(
        "--fresh", action="store_true", help="forget earlier state, read on where Kafka's group is"
    )
    for action, told in (("stop", "end a job with a savepoint"), ("savepoint", "write one and go on")):
        parser = actions.add_parser(action, help=told)
        parser.add_argument("tier", choices=TIERS)
        parser.add_argument("--timeout-s", type=_positive, default=120)
        if action == "stop":
            parser.add_argument("--now", action="store_true", help="no savepoint; the last checkpoint stays")
    status = actions.add_parser(
        "status", help="jobs, state and counters; exit code 1 unless all asked for run"
    )
    status.add_argument("tier", choices=TIERS, nargs="?", help="one of them, default both")
    status.add_argument("--json", action="store_true", help="for programs")
    stream.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    try:
        config = load_config(env=os.environ)
        cluster = cluster_of(config)
        actions = {"start": _start, "stop": _stop, "savepoint": _savepoint, "status": _status}
        return actions[args.action](args, config, cluster)
    except ERRORS as error:
        print(f"aiic stream: {error}", file=sys.stderr)
        return 1


def _start(args: argparse.Namespace, config: LocalConfig, cluster: Cluster) -> int:
    settings = StreamConfig(
        servers=config.kafka_servers,
        warehouse=str(args.warehouse.absolute()),
        ontology=args.ontology,
        checkpoints=(state_dir(config, args.tier) / "checkpoints").as_uri(),
        window_ms=args.window_s * 1000,
        priorities=tuple(word.strip() for word in args.priorities.split(",") if word.strip()),
        give_up_s=float(args.give_up_s),
        discriminator=args.discriminator,
        parallelism=args.parallelism,
        environment={key: value for key, value in os.environ.items() if key.startswith("AIIC_")},
    )
    start_job(config, args.tier, settings, args.fresh, print)
    return 0


def _stop(args: argparse.Namespace, config: LocalConfig, cluster: Cluster) -> int:
    with held(config, args.tier, print):  # nobody may start it again meanwhile
        job = cluster.live_job(job_name(args.tier))
        if job is None:
            print(f"{args.tier}: does not run")
        elif args.now:
            cluster.cancel(job.job_id)
            print(f"{args.tier}: cancelled")
        else:
            saved = cluster.stop(job.job_id, state_dir(config, args.tier) / "savepoints", args.timeout_s)
            print(f"{args.tier}: stopped, savepoint {saved}")
        not_wanted(config, args.tier)
    return 0


def _savepoint(args: argparse.Namespace, config: LocalConfig, cluster: Cluster) -> int:
    job = cluster.live_job(job_name(args.tier))
    if job is None:
        raise FlinkError(f"{args.tier} does not run: `aiic stream start {args.tier}`")
    saved = cluster.savepoint(job.job_id, state_dir(config, args.tier) / "savepoints", args.timeout_s)
    print(f"{args.tier}: savepoint {saved}")
    return 0


def _status(args: argparse.Namespace, config: LocalConfig, cluster: Cluster) -> int:
    rows: dict[str, dict[str, Any]] = {}
    for tier in (args.tier,) if args.tier else TIERS:
        job = cluster.live_job(job_name(tier))
        counters = cluster.counters(job.job_id) if job else {}
        rows[tier] = {
            "state": job.state if job else "down",
            "job_id": job.job_id if job else None,
            "counters": counters,
        }
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        for tier, row in rows.items():
            counted = "  ".join(f"{name} {number:,}" for name, number in row["counters"].items())
            print(
                f"{tier:9} {row['state']:10} {row['job_id'] or '-'}\n          {counted or 'nothing counted yet'}"
            )
    return 0 if all(row["state"] == "RUNNING" for row in rows.values()) else 1


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number above 0")
    return int(text)
