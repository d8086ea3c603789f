"""`aiic changes`: what really changed in item knowledge, from the change topic, with a snapshot first where asked for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.kafka_log import KafkaLog
    from pipelines.tunnel.subscription import Subscription
    from schemas.change import Change
    from schemas.derive import BadRecord

IDLE_S = 2.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `changes`."""
    words = "show what changed in item knowledge, as it is published (a subscription)"
    parser = subparsers.add_parser("changes", help=words, description=words)
    parser.add_argument("--follow", "-f", action="store_true", help="go on until interrupted")
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--from-start", action="store_true", help="all changes that are kept; default: from now on"
    )
    start.add_argument("--since", metavar="COMMIT", help="changes after a commit of item_knowledge")
    start.add_argument(
        "--snapshot", action="store_true", help="the whole table first, then what changes after it"
    )
    start.add_argument("--token-file", type=Path, help="go on where this file says, and keep it up to date")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: one object a line")
    parser.add_argument(
        "--warehouse", type=Path, help="folder of all tables (AIIC_WAREHOUSE, build/warehouse)"
    )
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    import os

    from infra.hudi_reading import NoTable
    from infra.kafka import KafkaUnavailable
    from infra.kafka_log import PositionLost, TopicMissing, open_log
    from infra.local.config import ConfigError, load_config
    from pipelines.tunnel.subscription import BadToken, HistoryExpired
    from schemas.topics import CHANGES

    expected = (
        ConfigError, KafkaUnavailable, TopicMissing, PositionLost, HistoryExpired, BadToken, NoTable
    )  # fmt: skip
    try:
        log = open_log(load_config(env=os.environ).kafka_servers, [CHANGES])
        try:
            _show(args, log, _subscribed(args, log))
        finally:
            log.close()
    except expected as error:
        print(f"aiic changes: {error}", file=sys.stderr)
        return 1
    return 0


def _subscribed(args: argparse.Namespace, log: KafkaLog) -> Subscription:
    from jobs.services.snapshot import snapshot_of
    from pipelines.ontology.store import default_warehouse
    from pipelines.tunnel.subscription import from_now, from_start, full, resume, since, token_of

    if args.token_file and args.token_file.exists():
        return resume(log, token_of(args.token_file.read_text("utf-8")), _refused)
    if args.snapshot or args.token_file:
        table = snapshot_of(args.warehouse or default_warehouse())
        commit, rows, subscription = full(log, table.newest_commit, table.rows, _refused)
        for row in rows:
            _print(
                args,
                {"snapshot": commit, "row": row},
                f"{commit}  {row.item_id}  {row.attr_id}  {_said(row)}",
            )
        return subscription
    if args.since:
        return since(log, args.since, _refused)
    return from_start(log, _refused) if args.from_start else from_now(log, _refused)


def _show(args: argparse.Namespace, log: KafkaLog, subscription: Subscription) -> None:
    """Print until nothing comes, or for ever. The token is written after what it stands behind was printed."""
    while True:
        if args.token_file:
            _keep(args.token_file, subscription.token.text())
        batch = subscription.next(IDLE_S)
        for change in batch.changes:
            _print(args, change, _line(change))
        sys.stdout.flush()
        if not batch.changes and not args.follow and _at_end(log, subscription):
            return


def _at_end(log: KafkaLog, subscription: Subscription) -> bool:
    places = subscription.token.places
    return all(places.get(place, (0, -1))[0] >= end for place, end in log.ends().items())


def _print(args: argparse.Namespace, record: Any, line: str) -> None:
    import orjson

    from udfs.terminal import harmless

    print(orjson.dumps(record).decode("utf-8") if args.format == "json" else harmless(line))


def _line(change: Change) -> str:
    before = _said(change.before) if change.before else "(nothing)"
    return f"{change.commit}  {change.item_id}  {change.attr_id}  {before} -> {_said(change.after)}"


def _said(row: Any) -> str:
    if row.is_deleted:
        return "(deleted)"
    return "; ".join(row.value_texts) or "(not stated)"


def _refused(message: Any, error: BadRecord) -> None:
    print(
        f"aiic changes: {message.topic}[{message.partition}] {message.offset}: {error.reason}",
        file=sys.stderr,
    )


def _keep(path: Path, text: str) -> None:
    """Write the token in one step."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
