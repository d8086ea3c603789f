"""`aiic up | down | status | logs`: the local stack, and what every part of the tunnel says of itself."""

import argparse
import json
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from time import sleep
from typing import Any

from infra.kafka import KafkaUnavailable
from infra.local import stack
from infra.local.component import Component
from infra.local.config import DEFAULT_FILE, ConfigError, LocalConfig, load_config
from infra.local.kafka import NAME as KAFKA
from infra.local.stack import ComponentStatus, StackError
from infra.local.state import StateError
from infra.topics import REMEDY, check_topics
from jobs.operations.kafka_probe import KafkaProbe
from jobs.operations.look import Looker
from jobs.operations.places import local_places
from jobs.operations.probes import now_ms, probes
from jobs.operations.table import aligned, duration, tables
from schemas.topics import TOPICS

MIB = 1024 * 1024
FOLLOW_POLL_S = 0.3
LIMIT_S = 6.0
LETTERS = 1_000
"""Of a topic of dead letters, the newest are read for `status`: `aiic metrics` counts all."""
ERRORS = (StackError, ConfigError, StateError, TimeoutError)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the four commands."""
    up = subparsers.add_parser(
        "up", help="start the local stack and wait until it is healthy; safe to repeat"
    )
    down = subparsers.add_parser("down", help="end what `up` started; logs stay, and all data unless --wipe")
    status = subparsers.add_parser(
        "status",
        help="processes, lag, freshness, cache hits, tokens, dead letters; exit code 1 when not all started is up",
    )
    logs = subparsers.add_parser("logs", help="show the log of one component")
    for parser, run in ((up, _up), (down, _down), (status, _status), (logs, _logs)):
        parser.add_argument("--config", type=Path, default=DEFAULT_FILE, help="settings, default %(default)s")
        parser.set_defaults(func=_guarded(run))
    defaults = (
        (up, stack.DEFAULT, "all but flink, merge, lookup and metrics"),
        (down, stack.NAMES, "all"),
        (
            status,
            None,
            "all but what was never started of flink, merge, lookup and metrics; naming some shows processes alone",
        ),
    )
    for parser, names, told in defaults:
        some = f"some of {','.join(stack.NAMES)}; default {told}"
        parser.add_argument("--only", type=_names, default=names, help=some)
    down.add_argument(
        "--wipe",
        action="store_true",
        help="also delete Kafka's, Flink's and the lookup store's data and all logs",
    )
    status.add_argument("--json", action="store_true", help="for programs")
    status.add_argument(
        "--brief", action="store_true", help="processes alone, without a look at what they do"
    )
    status.add_argument(
        "--limit",
        type=float,
        default=LIMIT_S,
        metavar="S",
        help="wait at most so long for a part, default %(default)s",
    )
    logs.add_argument("name", choices=stack.NAMES)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    logs.add_argument("-n", "--lines", type=int, default=50, help="last lines to show, default %(default)s")


def _names(text: str) -> tuple[str, ...]:
    """Read a comma list of component names."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or not set(names) <= set(stack.NAMES):
        raise argparse.ArgumentTypeError(f"{text!r}: choose from {','.join(stack.NAMES)}")
    return names


def _guarded(run: Callable[[argparse.Namespace, LocalConfig], int]) -> Callable[[argparse.Namespace], int]:
    """Read the settings, run a command, and turn expected errors into one message and exit code 1."""

    def guarded(args: argparse.Namespace) -> int:
        try:
            return run(args, load_config(args.config, env=os.environ))
        except ERRORS as error:
            print(f"aiic {args.command}: {error}", file=sys.stderr)
            return 1

    return guarded


def _up(args: argparse.Namespace, config: LocalConfig) -> int:
    try:
        stack.up(config, stack.components(config, args.only), _say, os.environ)
        if KAFKA in args.only:
            _tell_topics(config)
    except KeyboardInterrupt:
        _say("interrupted: what was started goes on; `./aiic status` shows it, `./aiic down` ends it")
        raise
    return 0


def _tell_topics(config: LocalConfig) -> None:
    """Say where topics of an earlier version are not as this one plans them: nothing else would."""
    try:
        faults = check_topics(config.kafka_servers, TOPICS, missing=False)
    except KafkaUnavailable as error:
        faults = [str(error)]
    for line in [*faults, REMEDY] if faults else []:
        _say(f"topics: {line}")


def _down(args: argparse.Namespace, config: LocalConfig) -> int:
    if args.wipe and set(args.only) != set(stack.NAMES):
        raise StackError("--wipe deletes the data of the whole stack: use it without --only")
    # Readers before what they read from: a merge whose broker is gone could not finish its last commit.
    stack.down(config, [name for name in reversed(stack.NAMES) if name in args.only], _say)
    if args.wipe:
        for folder in ("kafka", "flink", "lookup/store", "logs"):
            shutil.rmtree(config.stack.state_dir / folder, ignore_errors=True)
    return 0


def _status(args: argparse.Namespace, config: LocalConfig) -> int:
    looker = None if args.brief or args.only else _looker(config, args.limit)
    deadline = looker.begin() if looker else 0.0
    rows = stack.status(config, _shown(config, args.only))
    parts = looker.end(deadline) if looker else []
    if args.json:
        found = {"components": [asdict(row) for row in rows], "parts": [asdict(part) for part in parts]}
        print(json.dumps(found, indent=2))
    else:
        print("\n\n".join([_table(rows), *([tables(parts)] if parts else [])]))
    return 0 if all(row.health == "up" for row in rows) else 1


def _shown(config: LocalConfig, only: tuple[str, ...] | None) -> list[Component]:
    """The components asked for, else those of the stack that somebody wants."""
    return stack.components(config, only or stack.started(config))


def _looker(config: LocalConfig, limit_s: float) -> Looker:
    places = local_places(config)
    kafka = KafkaProbe(places.kafka, now_ms, letters=LETTERS, timeout_s=limit_s / 2)
    return Looker(probes(places, kafka, now_ms), limit_s)


def _logs(args: argparse.Namespace, config: LocalConfig) -> int:
    with stack.log_path(config, args.name).open(encoding="utf-8", errors="replace") as log:
        sys.stdout.writelines(deque(log, maxlen=max(args.lines, 0)))
        sys.stdout.flush()
        while args.follow:
            sys.stdout.write(log.read())
            sys.stdout.flush()
            sleep(FOLLOW_POLL_S)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _table(rows: list[ComponentStatus]) -> str:
    """Render the rows as a table with aligned columns."""
    header = ["component", "health", "port", "pid", "processes", "PSS MiB", "RSS MiB", "uptime", "model"]
    return aligned([header, *map(_cells, rows)])


def _cells(row: ComponentStatus) -> list[str]:
    ports = ",".join(map(str, row.ports))
    if row.pid is None:
        return [row.name, row.health, ports, "-", "-", "-", "-", "-", row.model or "-"]
    numbers: list[Any] = [row.pid, row.processes, round(row.pss_bytes / MIB), round(row.rss_bytes / MIB)]
    return [row.name, row.health, ports, *map(str, numbers), duration(row.uptime_s), row.model or "-"]
