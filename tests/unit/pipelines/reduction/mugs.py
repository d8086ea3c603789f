"""A recogniser of mugs whose model can be counted, and a relevance model that learned one thing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from pipelines.library.ranker import FEATURE_VERSION, RankerMeta
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.relevance import FEATURE_VERSION as RELEVANCE_VERSION
from pipelines.library.relevance import Relevance, RelevanceMeta
from pipelines.library.relevance_features import A_NAMES, B_NAMES
from pipelines.reduction.config import NO_REDUCTION, Reduction
from pipelines.reduction.reduced import ReducedS2D
from schemas.inference import Completion
from schemas.listing import Listing
from tests.unit.pipelines.library import small

KEYS = ["colour", "material", "height", "model", "_scenario"]


class Ranker:
    """Gives every candidate that words name the same probability, others none."""

    meta = RankerMeta("t", FEATURE_VERSION, 0.5, 0.2, 0.8, (0.0, 1.0, 1.0), "", {})

    def probabilities(self, pairs):
        return [
            np.array(
                [0.6 if one.sources & {"lexical", "extracted"} else 0.01 for one in pair.candidates],
                np.float32,
            )
            for pair in pairs
        ]


class Model:
    """Keeps its prompts; its replies are no answers, so that the ranker's opinion stands."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.under_way = 0
        self.most_under_way = 0

    async def complete(self, prompt, max_tokens, *, regex=None, logprobs=0):
        self.prompts.append(prompt)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        return Completion("", (), 10, 0, 5)


class Head:
    """Says true where one number of a row is above zero."""

    def __init__(self, names: tuple[str, ...], name: str) -> None:
        self.at = names.index(name)

    def predict(self, rows, num_threads):
        return np.where(rows[:, self.at] > 0, 0.9, 0.1)


def heads() -> Relevance:
    """Relevant is what the text names; touched is what a known value of was named here only."""
    meta = RelevanceMeta("r1", RELEVANCE_VERSION, "words", {"0.99": 0.5}, {"0.99": 0.5}, {})
    weights = np.zeros(small.DIMENSIONS, np.float32)
    return Relevance(meta, weights, 0.0, Head(A_NAMES, "named"), Head(B_NAMES, "named_only_here"))  # type: ignore[arg-type]


async def nothing() -> None:
    return None


def recogniser(
    folder: Path, reduction: Reduction = NO_REDUCTION, mode: str = "all", before=None, model: str = "m + d"
) -> ReducedS2D:
    release = asyncio.run(small.release(folder))
    config = RecogniserConfig("", "", "", "", discriminator=mode)
    return ReducedS2D(
        config,
        release,
        Ranker(),
        model,
        "words",
        small.embed,
        Model(),
        nothing,
        reduction=reduction,
        heads=heads(),
        before=before,
    )  # type: ignore[arg-type]


def mug(item_id: str, title: str, description: str = "", spu_id: str | None = "s", **more: object) -> Listing:
    return Listing(item_id, title, description, spu_id, **{"category_id": "mugs", **more})  # type: ignore[arg-type]
