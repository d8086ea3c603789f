"""`aiic`: the command line. Each module of `jobs.commands` adds its own subcommands."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence

import jobs.commands

INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """The whole parser, from every module of `jobs.commands` that has `add_parser`."""
    parser = argparse.ArgumentParser(
        prog="aiic", description="AI item center: raw listings to item knowledge."
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in sorted(pkgutil.iter_modules(jobs.commands.__path__), key=lambda found: found.name):
        importlib.import_module(f"jobs.commands.{module.name}").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its return value is the exit code."""
    args = build_parser().parse_args(argv)
    try:
        return int(args.func(args) or 0)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
