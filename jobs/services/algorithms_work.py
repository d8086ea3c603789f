"""What the algorithm service works with: opened recognisers, and how many requests they take at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from prometheus_client import Counter

from jobs.services.http import Refused
from pipelines.library.answers import ItemAnswers, Usage
from pipelines.library.recogniser import Recogniser
from pipelines.ontology.snapshot import Snapshot
from schemas.inference import InferenceError
from schemas.listing import Listing

LOG = logging.getLogger("aiic.algorithms")


@dataclass
class Algorithms:
    """What the routes work with. `at_once` requests are computed together, `waiting` more may queue."""

    attributes: Recogniser
    category: Recogniser
    snapshot: Snapshot
    pairs: Counter
    at_once: int = 2
    waiting: int = 16
    timeout_s: float = 60.0
    _turn: asyncio.Semaphore = field(init=False)
    _inside: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._turn = asyncio.Semaphore(self.at_once)

    async def recognise(self, recogniser: Recogniser, listings: Sequence[Listing]) -> list[ItemAnswers]:
        """Answers of listings, same order. Errors: Refused (503) when too many wait, or no model server answers."""
        if self._inside >= self.at_once + self.waiting:
            raise Refused(503, "busy", "too many requests wait: try again", 5.0)
        self._inside += 1
        try:
            async with asyncio.timeout(self.timeout_s), self._turn:
                found, usage = await recogniser.recognise(listings)
        except TimeoutError as error:
            raise Refused(
                503, "timeout", f"no answer in {self.timeout_s:g} s: send fewer texts", 5.0
            ) from error
        except InferenceError as error:
            LOG.warning("%s", error)
            raise Refused(503, "no_model", "a model server does not answer: try again", 5.0) from error
        finally:
            self._inside -= 1
        self._count(usage)
        return found

    async def close(self) -> None:
        """Close connections."""
        for one in (self.attributes, self.category):
            await one.close()

    def _count(self, usage: Usage) -> None:
        for method, count in usage.pairs.items():
            self.pairs.labels(method).inc(count)
