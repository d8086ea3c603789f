"""Asks the discriminator family by family: shared text first, the first request of a family ahead of the others (L5).

The server can reuse a prefix only when it has computed it once: were all siblings asked at the same moment, all would compute it.
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

    Families are asked at once; within one the first item comes first, then all others. Errors: InferenceError.
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

    async def ask_family(items: dict[int, list[int]]) -> None:
        first, *others = items.items()
        await ask(*first)
        await asyncio.gather(*(ask(item, places) for item, places in others))

    tasks = [asyncio.ensure_future(ask_family(items)) for items in families.values()]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [answer for answer in answers if answer is not None]
