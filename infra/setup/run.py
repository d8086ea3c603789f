"""Runs the steps that are not done yet, as many at once as their order allows, with one readable line for each event."""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from infra.setup.step import RunCommand, Step, StepFailed, digest, is_done, mark

AT_ONCE = 5
HEARTBEAT_S = 15.0
TAIL_LINES = 20

Report = Callable[[str], None]


def run_steps(root: Path, steps: Sequence[Step], report: Report) -> None:
    """Bring every step up to date.

    Errors: StepFailed after what was running has ended; steps that do not follow from the failed one stay done.
    """
    stamps, digests = root / ".local" / "stamps", _digests(steps)
    to_do = [step for step in steps if not is_done(step, stamps, digests[step.name])]
    if not to_do:
        return
    report(f"set-up: {', '.join(step.name for step in to_do)} ({len(to_do)} of {len(steps)} steps to do)")
    started = time.monotonic()

    def say(line: str) -> None:
        report(f"[{time.monotonic() - started:4.0f} s] {line}")

    failed = _run_in_order(root, to_do, digests, say)
    if failed:
        raise StepFailed(f"failed: {', '.join(failed)}; the reason is above, `make setup` goes on from here")
    say("set-up is complete")


def _digests(steps: Sequence[Step]) -> dict[str, str]:
    """The wanted stamp of every step; steps come after the ones that they need."""
    digests: dict[str, str] = {}
    for step in steps:
        digests[step.name] = digest(step, digests)
    return digests


def _run_in_order(root: Path, to_do: Sequence[Step], digests: dict[str, str], say: Report) -> list[str]:
    """Run steps as soon as the ones before them are done; returns the names of the failed ones."""
    waiting = {step.name: step for step in to_do}
    running: dict[Future[None], str] = {}
    failed: list[str] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while running or (waiting and not failed):
            open_names = {*waiting, *running.values()}
            ready = [] if failed else [s for s in waiting.values() if not open_names.intersection(s.after)]
            for step in ready:
                del waiting[step.name]
                running[pool.submit(_run_step, root, step, digests[step.name], say)] = step.name
            finished, _ = wait(running, HEARTBEAT_S, FIRST_COMPLETED)
            if not finished:
                say(f"... still at {', '.join(sorted(running.values()))}")
            for future in finished:
                name = running.pop(future)
                error = future.exception()
                if error is not None:
                    failed.append(name)
                    say(f"{name}: {error}")
    return failed


def _run_step(root: Path, step: Step, stamp: str, say: Report) -> None:
    """Run one step: its stamp goes first and comes back last, so that a crash leaves it undone."""
    log, started = root / ".local" / "log" / f"setup-{step.name}.log", time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    mark(step, root / ".local" / "stamps", None)
    say(f"{step.name}: started")
    step.run(_runner(root, log))
    absent = [str(path) for path in step.outputs if not path.exists()]
    if absent:
        raise StepFailed(f"ended without making {', '.join(absent)}; log: {os.path.relpath(log)}")
    mark(step, root / ".local" / "stamps", stamp)
    say(f"{step.name}: done in {time.monotonic() - started:.0f} s")


def _runner(root: Path, log: Path) -> RunCommand:
    """Make the function that runs a step's commands into its log."""

    def run(command: list[str]) -> None:
        with log.open("a", encoding="utf-8") as output:
            output.write(f"$ {' '.join(command)}\n")
            output.flush()
            code = subprocess.run(command, cwd=root, stdout=output, stderr=output, check=False).returncode
        if code != 0:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
            tail = "\n    ".join(lines)
            raise StepFailed(f"exit code {code}; last lines of {os.path.relpath(log)}:\n    {tail}")

    return run
