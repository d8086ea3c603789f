"""`aiic topics apply | check | show`: Kafka's topics as their contracts plan them."""

from __future__ import annotations

import argparse
import os
import sys

from infra.kafka import KafkaUnavailable, TopicMismatch
from infra.local.config import ConfigError, load_config
from infra.topics import REMEDY, apply_topics, check_topics
from schemas.topics import TOPICS


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    topics = subparsers.add_parser("topics", help="Kafka's topics: create, check, show")
    actions = topics.add_subparsers(dest="action", metavar="ACTION", required=True)
    apply = actions.add_parser("apply", help="create missing topics, correct settings; safe to repeat")
    apply.add_argument("--replicas", type=int, default=1, help="of new topics, default %(default)s")
    check = actions.add_parser(
        "check", help="say what differs from the plan; exit code 1 where anything does"
    )
    for parser in (apply, check):
        parser.add_argument("--servers", help="host:port,..., default: the local stack's broker")
    actions.add_parser("show", help="the plan: contract, owner, partitions, retention, dead letters")
    topics.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    if args.action == "show":
        _show()
        return 0
    try:
        servers = args.servers or load_config(env=os.environ).kafka_servers
        if args.action == "apply":
            done = apply_topics(servers, TOPICS, args.replicas)
            print("\n".join(done) or "all topics are as planned")
            return 0
        faults = check_topics(servers, TOPICS)
    except (KafkaUnavailable, TopicMismatch, ConfigError) as error:
        print(f"aiic topics: {error}", file=sys.stderr)
        return 1
    print("\n".join([*faults, REMEDY]) if faults else "all topics are as planned")
    return 1 if faults else 0


def _show() -> None:
    for plan in TOPICS:
        kept = "for ever" if plan.retention_days is None else f"{plan.retention_days} days"
        contract = f"{plan.contract.name} v{plan.contract.version}, {plan.compatibility} compatible"
        print(f"{plan.name}\n  contract   {contract}, key {', '.join(plan.contract.key)}")
        print(f"  owner      {plan.owner}; {plan.partitions} partitions, kept {kept}, cleanup {plan.cleanup}")
        print(
            f"  at most    {plan.max_message_bytes:,} bytes a message; dead letters to {plan.dead_letter or '-'}"
        )
