"""Progress of recognition for people: a bar with rate and remaining time on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from pipelines.tunnel.progress import Progress

POLL_S = 0.5
LINE_EVERY_S = 10.0


@contextmanager
def shown_progress(read: Callable[[], Progress]) -> Iterator[None]:
    """Show how far the work is while the body runs; `read` is called twice a second from a thread."""
    stop = threading.Event()
    show = _show_bar if sys.stderr.isatty() else _show_lines
    watcher = threading.Thread(target=show, args=(read, stop), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def progress_line(now: Progress, first: Progress, seconds: float) -> str:
    """One line: done, rate and remaining time of what was left at `first`, `seconds` ago.

    >>> progress_line(Progress(3, 4, 30, 40), Progress(1, 4, 10, 40), 10.0)
    'recognise: 30/40 listings, 3/4 shards, 2.0 listings/s, about 5 s left'
    """
    rate = (now.items_done - first.items_done) / seconds if seconds > 0 else 0.0
    left = (
        f"about {(now.items - now.items_done) / rate:.0f} s left"
        if rate > 0
        else "remaining time not known yet"
    )
    return (
        f"recognise: {now.items_done}/{now.items} listings, {now.shards_done}/{now.shards} shards, "
        f"{rate:.1f} listings/s, {left}"
    )


def _show_lines(read: Callable[[], Progress], stop: threading.Event) -> None:
    started, first = time.monotonic(), read()
    while not stop.wait(LINE_EVERY_S):
        print(progress_line(read(), first, time.monotonic() - started), file=sys.stderr, flush=True)
    print(progress_line(read(), first, time.monotonic() - started), file=sys.stderr, flush=True)


def _show_bar(read: Callable[[], Progress], stop: threading.Event) -> None:
    with progress_bar() as bar:
        first = read()
        task = bar.add_task("recognise", total=first.items, completed=first.items_done, shards="", rate="")
        started = time.monotonic()
        while True:
            ended = stop.wait(POLL_S)
            update_bar(bar, task, read(), first, time.monotonic() - started)
            if ended:
                return


def progress_bar() -> Bar:
    """The bar: listings, shards, rate, time so far and remaining."""
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("listings {task.fields[rate]} {task.fields[shards]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        transient=False,
    )


def update_bar(bar: Bar, task: object, now: Progress, first: Progress, seconds: float) -> None:
    """Bring a bar up to date."""
    rate = (now.items_done - first.items_done) / seconds if seconds > 0 else 0.0
    bar.update(
        task,  # type: ignore[arg-type]
        total=now.items,
        completed=now.items_done,
        rate=f"{rate:.1f}/s",
        shards=f"{now.shards_done}/{now.shards} shards",
    )
