"""A reference model's work on a set: compared with gold first, then labels item by item into a file that can be gone on with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from pipelines.library.discriminate import Discriminator
from pipelines.models.teacher import Agreement, TeacherConfig, ToLabel, label_item, row_of
from pipelines.models.teacher_file import TeacherFile
from udfs.prompts import PROMPT_VERSION
from udfs.prompts_tasks import TASKS_VERSION

T = TypeVar("T")
PROMPTS = (PROMPT_VERSION, TASKS_VERSION)


async def compared(
    items: Iterable[ToLabel], client: Discriminator, cfg: TeacherConfig, at_once: int
) -> Agreement:
    """How the reference model's labels compare with gold on labelled items. Errors: as `label_item`."""
    agreed = Agreement()

    async def compare(item: ToLabel) -> None:
        agreed.add((await label_item(item, client, cfg)).labels, item.gold)

    await each(items, compare, at_once)
    return agreed


async def label_items(
    items: Sequence[ToLabel],
    file: TeacherFile,
    client: Discriminator,
    cfg: TeacherConfig,
    at_once: int,
    report: Callable[[int], None] = lambda _done: None,
) -> int:
    """Label the items that the file does not have yet, each written as soon as it is labelled. Returns how many.

    Errors: as `label_item`; what was labelled before one stays.
    """
    labelled = 0

    async def keep(item: ToLabel) -> None:
        nonlocal labelled
        file.append(row_of(await label_item(item, client, cfg), cfg, PROMPTS))
        labelled += 1
        report(labelled)

    done = file.done()
    await each([item for item in items if item.listing.item_id not in done], keep, at_once)
    return labelled


async def each(items: Iterable[T], work: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Do the work for every item, several at a time; the first failure ends all of it."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    tasks = [asyncio.ensure_future(worker()) for _ in range(max(1, at_once))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
