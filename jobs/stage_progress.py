"""Progress of stages for people: bars with rate and remaining time on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_EVERY_S = 5.0


class Report(Protocol):
    """Told the stage, what is done of it and how much it is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take one report."""


class RateColumn(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        """The rate of one bar."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="cyan")


@contextmanager
def stage_progress() -> Iterator[Report]:
    """A function to report stages to, shown on standard error while the body runs."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.completed:>12,.0f} of {task.total:,.0f}"),
        RateColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield _Bars(bars)


@dataclass(slots=True)
class _Bars:
    """One bar a stage."""

    bars: Progress
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(stage, total=total, completed=done)
        self.bars.update(self.tasks[stage], total=total, completed=done)


@dataclass(slots=True)
class _Lines:
    """A line every few seconds; none for what is quickly done."""

    stage: str = ""
    first: int = 0
    started_s: float = 0.0
    said_s: float = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage != self.stage:
            self.stage, self.first, self.started_s, self.said_s = stage, done, now, now
        if now - self.said_s >= LINE_EVERY_S:
            self.said_s = now
            rate = (done - self.first) / (now - self.started_s)
            left = f", about {(total - done) / rate:.0f} s left" if rate > 0 else ""
            print(f"{stage}: {done:,} of {total:,}, {rate:,.0f}/s{left}", file=sys.stderr, flush=True)
