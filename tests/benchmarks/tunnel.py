"""`make bench-tunnel`: the figures of streams and services, each part alone or all of them, into build/bench/tunnel.json.

    python -m tests.benchmarks.tunnel [latency|nearline|hudi|lookup|commits|histories|bad|chaos ...] [--stub-model]

A part brings its own figures in the file up to date and leaves the others as they are, so that a long run can be done in
pieces. It starts its own stack on free ports: the first four share one, with everything running at once: Kafka, Flink with
both jobs, the streaming merge, the lookup service, and both vLLM servers. `--stub-model` puts a stand-in in the place of
vLLM; the file says which it was. Exit code 1: a part could not be measured; a figure that is missed is told in the table.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks import tunnel_report as report
from tests.benchmarks.tunnel_stack import StackPlan, TunnelStack, tunnel_stack

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/bench/tunnel"
ON_STACK = ("latency", "nearline", "hudi", "lookup")
ELSEWHERE = ("histories", "bad", "chaos")
NO_MODEL = ("histories",)
MIX = "70 % change no text, 25 % change some words, 5 % are new items"


def main() -> int:
    """Measure the parts that were asked for, and print the table."""
    args = arguments()
    began_s = time.monotonic()
    done: dict[str, bool] = {}
    on_stack = [part for part in args.parts if part in ON_STACK]
    if on_stack:
        done |= on_one_stack(args, on_stack)
    if "commits" in args.parts:
        done["commits"] = measured("commits", lambda: commits(args), {})
    for part in (part for part in args.parts if part in ELSEWHERE):
        done[part] = measured(part, lambda part=part: elsewhere(part, args.stub_model), {})  # type: ignore[misc]
    say(f"{len(done)} parts in {time.monotonic() - began_s:.0f} s, {report.TUNNEL.relative_to(ROOT)}")
    print(report.table(report.read()))
    return 0 if all(done.values()) else 1


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"some of {', '.join(report.FIGURES)}; default all"
    )
    parser.add_argument("--stub-model", action="store_true", help="a stand-in for both vLLM servers")
    parser.add_argument(
        "--seconds", type=float, default=120.0, help="of latency, nearline, hudi (%(default)g)"
    )
    parser.add_argument("--lookup-seconds", type=float, default=20.0, help="of lookups on time (%(default)g)")
    parser.add_argument(
        "--window", type=int, default=20, metavar="S", help="of the nearline job (%(default)s s)"
    )
    parser.add_argument("--small", type=int, default=50_000, help="commits: rows present (%(default)s)")
    parser.add_argument("--large", type=int, default=5_000_000, help="commits: rows present (%(default)s)")
    parser.add_argument(
        "--commits", type=int, default=7, help="commits: how many into each table (%(default)s)"
    )
    parser.add_argument(
        "--fill",
        choices=("bulk_insert", "upsert"),
        default="bulk_insert",
        help="commits: how its tables are filled (%(default)s)",
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="of the stack and the tables (%(default)s)"
    )
    args = parser.parse_args(argv)
    unknown = sorted(set(args.parts) - set(report.FIGURES))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}: choose from {', '.join(report.FIGURES)}")
    args.parts = [part for part in report.FIGURES if part in (args.parts or report.FIGURES)]
    return args


def on_one_stack(args: argparse.Namespace, parts: Sequence[str]) -> dict[str, bool]:
    """Measure parts beside everything that runs; which of them could be."""
    plan = StackPlan(args.folder.absolute() / "stack", args.stub_model, args.window)
    done: dict[str, bool] = {}
    try:
        with tunnel_stack(plan, say) as stack:
            stated = {
                "model": stack.model,
                "mix": MIX,
                "discriminator_asked": f"where the ranker's probability is between {plan.band[0]} and {plan.band[1]}",
            }
            for part in parts:
                work = stack_part(part, stack, args)
                done[part] = measured(part, work, stated)
    except Exception as error:  # the other parts have stacks of their own
        traceback.print_exc()
        for part in parts:
            if part not in done:
                report.failed(part, _line(error), {})
                done[part] = False
    return done


def stack_part(part: str, stack: TunnelStack, args: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """The work of a part on the stack."""
    from tests.benchmarks.tunnel_latency import run_latency, run_nearline
    from tests.benchmarks.tunnel_rows import run_hudi, run_lookup

    works = {"latency": run_latency, "nearline": run_nearline, "hudi": run_hudi, "lookup": run_lookup}
    seconds = args.lookup_seconds if part == "lookup" else args.seconds
    return lambda: works[part](stack, seconds, say)


def commits(args: argparse.Namespace) -> dict[str, Any]:
    """What a commit costs in a large table against a small one."""
    from tests.benchmarks.commit_bench import CommitPlan, measure_commits

    folder = args.folder.absolute() / "tables"
    return dict(
        measure_commits(CommitPlan(folder, args.small, args.large, commits=args.commits, fill=args.fill))
    )


def elsewhere(part: str, is_stub: bool) -> dict[str, Any]:
    """A part that has a module and a stack of its own. Errors: RuntimeError where the module is not there."""
    name = f"tests.benchmarks.tunnel_{part}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise RuntimeError(
            f"tests/benchmarks/tunnel_{part}.py is missing: this part cannot be measured"
        ) from error
    return dict(module.run(say) if part in NO_MODEL else module.run(say, real_model=not is_stub))


def measured(part: str, work: Callable[[], dict[str, Any]], stated: dict[str, Any]) -> bool:
    """Run a part and write its figures, or that it failed; whether it could be measured."""
    say(f"== {part}")
    began_s, load = time.monotonic(), round(os.getloadavg()[0], 2)
    about = {**stated, "load_before": load}
    try:
        figures = work()
        about["took_s"] = round(time.monotonic() - began_s)
        report.update(part, figures, about)
    except Exception as error:  # one part that fails must not keep the others from being measured
        traceback.print_exc()
        report.failed(part, _line(error), about)
        return False
    for name, value in figures.items():
        print(f"   {name:44} {value:,}" if isinstance(value, int | float) else f"   {name:44} {value}")
    say(f"{part}: {time.monotonic() - began_s:.0f} s")
    return True


def say(line: str) -> None:
    """Print a line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]


if __name__ == "__main__":
    sys.exit(main())
