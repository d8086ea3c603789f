"""Show a run of the offline tier while it goes on elsewhere: steps, bar, rate, remaining time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jobs.batch.progress_bar import LINE_EVERY_S, POLL_S, progress_bar, progress_line, update_bar
from pipelines.tunnel.plan_folder import CURRENT, PlanError, current_plan, day_folder
from pipelines.tunnel.progress import Progress, progress_of_day


def watch(process: subprocess.Popen[bytes], warehouse: Path, day: str) -> int:
    """Show progress until the process ends; its exit code.

    An interrupt is passed on to the process's group, and so is being ended or losing the terminal: nothing must go on
    unseen.
    """
    look = _Look(warehouse, day, time.time())
    show = _with_bar if sys.stderr.isatty() else _with_lines
    try:
        with _ended_as_interrupted():
            show(process, look)
    except KeyboardInterrupt:
        os.killpg(process.pid, signal.SIGTERM)  # the whole group: Airflow, spark-submit, Spark, its workers
        process.wait()
        raise
    return process.wait()


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt inside."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(slots=True)
class _Look:
    """One look after the other at a day's folder."""

    warehouse: Path
    day: str
    started_s: float
    first: Progress | None = None
    recognise_s: float = field(default=0.0)

    def now(self) -> tuple[str, Progress | None]:
        """Which step is going on, and how far the plan is; no plan before this run has made or found one."""
        pointer = day_folder(self.warehouse, self.day) / CURRENT
        if not pointer.exists() or pointer.stat().st_mtime < self.started_s:
            return "plan", None
        progress = progress_of_day(self.warehouse, self.day)
        if progress is None:
            return "plan", None
        if self.first is None:
            self.first, self.recognise_s = progress, time.time()
        return self._step(progress), progress

    def _step(self, progress: Progress) -> str:
        if progress.shards_done < progress.shards:
            return "recognise"
        if "merge" not in progress.steps_done:
            return "merge"
        try:
            report = current_plan(self.warehouse, self.day).root / "report.html"
        except PlanError:
            return "report"
        return "done" if report.exists() and report.stat().st_mtime >= self.started_s else "report"


def _with_bar(process: subprocess.Popen[bytes], look: _Look) -> None:
    with progress_bar() as bar:
        task = bar.add_task("plan", total=None, shards="", rate="")
        while process.poll() is None:
            step, progress = look.now()
            bar.update(task, description=f"{step:<10}")
            if progress is not None and look.first is not None:
                update_bar(bar, task, progress, look.first, time.time() - look.recognise_s)
            time.sleep(POLL_S)


def _with_lines(
    process: subprocess.Popen[bytes], look: _Look, say: Callable[[str], None] | None = None
) -> None:
    tell = say or (lambda line: print(line, file=sys.stderr, flush=True))
    last, told_s = "", 0.0
    while process.poll() is None:
        step, progress = look.now()
        now = time.time()
        if step != last:
            tell(f"{step} ({now - look.started_s:.0f} s)")
            last, told_s = step, now
        elif step == "recognise" and progress and look.first and now - told_s >= LINE_EVERY_S:
            tell(progress_line(progress, look.first, now - look.recognise_s))
            told_s = now
        time.sleep(POLL_S)
