"""`aiic supervise`: starts again what died of the local stack and the stream jobs, once or for as long as it runs."""

from __future__ import annotations

import argparse
import os
import sys
import time

EVERY_S = 3.0
TIMEOUT_S = 300.0


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    words = (
        "start again what died of the stack and the stream jobs (jobs from their newest checkpoint), and wait until all is "
        "well; exit code 1 when it is not in time"
    )
    parser = subparsers.add_parser("supervise", help=words, description=words)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="components and tiers; default: what was started and not ended",
    )
    parser.add_argument("--watch", action="store_true", help="go on until interrupted")
    parser.add_argument("--every", type=float, default=EVERY_S, metavar="S", help="default %(default)s s")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT_S, metavar="S", help="without --watch, default %(default)s s"
    )
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    # Imported here: every command line pays for what this module imports at its top.
    from infra.local.config import ConfigError, load_config
    from infra.local.state import StateError
    from jobs.supervision import ERRORS, NAMES, Supervisor, watch

    unknown = sorted(set(args.names) - set(NAMES))
    if unknown:
        print(f"aiic supervise: no {', '.join(unknown)}: choose from {', '.join(NAMES)}", file=sys.stderr)
        return 2
    try:
        config = load_config(env=os.environ)
        with Supervisor(config, args.names or None, _say, os.environ) as supervisor:
            if not supervisor.kept() and not args.watch:
                _say("nothing was started: `aiic up`, `aiic stream start`, `aiic merge --follow`")
                return 0
            deadline_s = None if args.watch else time.monotonic() + args.timeout
            faults = watch(supervisor.look, _say, args.every, deadline_s)
    except (ConfigError, StateError, *ERRORS) as error:
        print(f"aiic supervise: {error}", file=sys.stderr)
        return 1
    for name, fault in faults.items():
        print(f"aiic supervise: {name} is not well: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)
