"""`python3.11 -m infra.setup`: check the tools, then make what is missing. `make setup` calls it."""

import fcntl
import os
import shutil
import sys
from pathlib import Path

from infra.setup.plan import plan
from infra.setup.run import run_steps
from infra.setup.step import StepFailed
from infra.setup.tools import missing_tools

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run set-up; the exit code is 1 when something is missing or fails."""
    problems = missing_tools(ROOT)
    if problems:
        print("set-up cannot begin:\n  " + "\n  ".join(problems), file=sys.stderr)
        return 1
    if not shutil.which("c++") and not shutil.which("g++"):
        print(
            "set-up: no C++ compiler found; the discriminator will run uncompiled, about 3 times slower (g++)"
        )
    (ROOT / ".local").mkdir(exist_ok=True)
    with (ROOT / ".local" / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: another one is running here, waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            run_steps(ROOT, plan(ROOT, os.environ), _say)
        except StepFailed as error:
            print(f"set-up: {error}", file=sys.stderr)
            return 1
    return 0


def _say(line: str) -> None:
    """Print one line in one write: steps report from several threads."""
    print(f"{line}\n", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
