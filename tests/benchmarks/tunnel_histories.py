"""Convergence: random histories of batch, nearline and real time end in one state, by the rule and on the real stack.

Run: `python -m tests.benchmarks.tunnel_histories [--rule N] [--stack N] [--seed S]`. A history that ends in another state than
the oracles say, or in different ones in table, store and replayed changes, is divergent; its seed is told, and makes it again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping

from tests.benchmarks.parts import BENCH
from tests.benchmarks.tunnel_histories_stack import run_stack
from tests.benchmarks.tunnel_rule import faults_of_history
from tests.benchmarks.tunnel_worlds import random_history

Say = Callable[[str], None]
FOLDER = BENCH / "histories"
RULE, STACK, SEED = 1_000, 40, 1
BASE_MS = 1_790_000_000_000


def run(say: Say, rule: int = RULE, stack: int = STACK, seed: int = SEED) -> dict[str, object]:
    """How many histories were played by the rule and on the stack, and how many of them diverged."""
    began_s = time.monotonic()
    by_rule = {
        number: faults_of_history(random_history(number, BASE_MS)) for number in range(seed, seed + rule)
    }
    rule_s = time.monotonic() - began_s
    say(f"rule: {rule} histories in {rule_s:.0f} s")
    on_stack = run_stack(stack, seed, FOLDER, say)
    divergent = _tell("rule", by_rule, say) + _tell("stack", on_stack, say)
    return {
        "histories_rule": len(by_rule),
        "histories_stack": len(on_stack),
        "divergent": divergent,
        "histories_seed": seed,
        "histories_rule_s": round(rule_s, 1),
        "histories_s": round(time.monotonic() - began_s, 1),
    }


def _tell(where: str, faults: Mapping[int, list[str]], say: Say) -> int:
    """Say which histories diverged, and in what; how many."""
    bad = {seed: found for seed, found in faults.items() if found}
    for seed, found in bad.items():
        say(f"{where}: history {seed} diverged: {'; '.join(found[:3])}"[:1_000])
    return len(bad)


def main() -> int:
    """Play histories and print the figures; 1 where one diverged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rule", type=int, default=RULE, help="histories by the rule (%(default)s)")
    parser.add_argument("--stack", type=int, default=STACK, help="histories on the stack (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the first one (%(default)s)")
    args = parser.parse_args()
    figures = run(lambda line: print(line, flush=True), args.rule, args.stack, args.seed)
    print(json.dumps(figures, indent=1))
    return 1 if figures["divergent"] else 0


if __name__ == "__main__":
    sys.exit(main())
