"""What a Python worker of a stream job opens: the ontology's categories, and a recogniser with its stamp."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
from pathlib import Path

from jobs.released import find_release
from pipelines.library.rows import Stamp
from pipelines.library.s2d import S2D
from pipelines.tunnel.asking import TellingDiscriminator
from pipelines.tunnel.daily_item_knowledge import generations_file
from pipelines.tunnel.generation import generation_of
from pipelines.tunnel.realtime import TIER as REALTIME
from pipelines.tunnel.stream_config import StreamConfig
from pipelines.tunnel.stream_work import Patience, Worker
from pipelines.tunnel.untouched import LastAnswers


def known_categories(config: StreamConfig) -> Container[str]:
    """Ids of all categories of the release."""
    from infra.faiss import FaissSearch
    from pipelines.ontology.release import open_release

    release = open_release(str(find_release(Path(config.warehouse), config.ontology)), FaissSearch())
    return frozenset(release.snapshot.categories)


def open_worker(config: StreamConfig, tier: str, patience: Patience, clock: Callable[[], float]) -> Worker:
    """A worker with a recogniser of the newest release, and the generation that its rows carry.

    Errors: those of `open_recogniser`, UnknownVersion, GenerationError.
    """
    from jobs.recogniser import default_config, open_recogniser

    os.environ.update(config.environment)
    warehouse = Path(config.warehouse)
    settings = default_config(find_release(warehouse, config.ontology), config.discriminator)
    recogniser = open_recogniser(settings)
    if tier == REALTIME and isinstance(recogniser, S2D):
        recogniser.lender = LastAnswers()
        recogniser.discriminator = TellingDiscriminator(recogniser.discriminator)
    version, model = recogniser.ontology_version, recogniser.model
    generation = generation_of(generations_file(warehouse), version, model, f"stream-{tier}")
    worker = Worker(
        recogniser, Stamp(tier, generation, model, version, f"{tier}-{generation}"), patience, clock
    )
    if isinstance(recogniser, S2D):
        worker.ping = recogniser.ping
    return worker
