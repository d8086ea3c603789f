"""Recognition of a whole evaluation set, some listings at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.library.answers import ItemAnswers, Usage
from pipelines.library.recogniser import Recogniser
from schemas.listing import Listing

CHUNK_ITEMS = 32
CHUNKS_AT_ONCE = 2  # while one chunk waits for the model, the next is searched and ranked


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """How an evaluation recognises: "cascade", "all" (every pair goes to the model) or "off".

    `images` as `ImageSettings.mode`; `precision`: the one wanted, 0 for the best F1. `models_dir`: a sealed model set, "" for
    the current version; `encoder_url`, `discriminator_url`: servers, "" for the usual ones. `is_base`: whatever the text
    model's server has answers, uncalibrated.
    """

    discriminator: str = "cascade"
    images: str = "off"
    precision: float = 0.0
    models_dir: str = ""
    encoder_url: str = ""
    discriminator_url: str = ""
    is_base: bool = False


async def recognise_set(
    recogniser: Recogniser, listings: Sequence[Listing], report: Callable[[int, int], None]
) -> tuple[list[ItemAnswers], Usage]:
    """Answers of all listings, same order, and their cost; `report` is told (done, total) after each chunk.

    Errors: those of the recogniser; the other chunks are cancelled.
    """
    chunks = [listings[start : start + CHUNK_ITEMS] for start in range(0, len(listings), CHUNK_ITEMS)]
    slots = asyncio.Semaphore(CHUNKS_AT_ONCE)
    usage, done = Usage(), 0

    async def one(chunk: Sequence[Listing]) -> list[ItemAnswers]:
        nonlocal done
        async with slots:
            answers, spent = await recogniser.recognise(chunk)
        if len(answers) != len(chunk):
            raise ValueError(f"the recogniser answered {len(answers)} of {len(chunk)} listings")
        usage.add(spent)
        done += len(chunk)
        report(done, len(listings))
        return answers

    report(0, len(listings))
    tasks = [asyncio.ensure_future(one(chunk)) for chunk in chunks]
    try:
        found = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [answer for answers in found for answer in answers], usage
