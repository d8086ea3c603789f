"""Asks the discriminator family by family, what a family shares first in every prompt (L5).

Requests of a family are sent one after the other, all at once. Nothing need go ahead of them for the prefix to be there: vLLM gives a
block of tokens its place when it is scheduled, so that even requests of the same step share it (measured: as many cached tokens
with one request ahead of each family as without).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipelines.library.answers import Answer, Usage
from pipelines.library.calibration import OperatingPoint
from pipelines.library.discriminate import Discriminator
from pipelines.library.open_pairs import OpenPair, answer_of, ask_item
from pipelines.library.ranker import RankerMeta
from pipelines.library.recogniser import RecogniserConfig


async def ask_by_family(
    opened: Sequence[OpenPair],
    texts: Mapping[int, tuple[str, str]],
    client: Discriminator,
    config: RecogniserConfig,
    meta: RankerMeta,
    point: OperatingPoint,
    usage: Usage,
) -> list[Answer]:
    """Answers of N open pairs, same order. `texts`: by item, what its family shares, and what is its own.

    Errors: InferenceError; the other requests are cancelled.
    """
    families: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, pair in enumerate(opened):
        families[texts[pair.item][0]][pair.item].append(place)
    answers: list[Answer | None] = [None] * len(opened)

    async def ask(item: int, places: list[int]) -> None:
        pairs = [opened[place] for place in places]
        verdicts, spent = await ask_item(pairs, texts[item], client, config)
        usage.tokens.update(spent.tokens)
        usage.tokens["failed_pairs"] += spent.pairs["failed"]
        for place, verdict in zip(places, verdicts, strict=True):
            answers[place] = answer_of(opened[place], verdict, config, meta, point)

    tasks = [asyncio.ensure_future(ask(*one)) for items in families.values() for one in items.items()]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [answer for answer in answers if answer is not None]
