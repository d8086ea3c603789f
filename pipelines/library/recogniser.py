"""Recognition (S2D, paper section 4.2): listings in, answers out. The same code runs in Spark, Flink, services and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pipelines.library.answers import ItemAnswers, Usage
from pipelines.reduction.config import NOTHING_REDUCED, Reduce
from schemas.image import NO_IMAGES, ImageSettings
from schemas.listing import Listing


@dataclass(frozen=True, slots=True)
class RecogniserConfig:
    """Where a process finds what recognition needs, and how it answers. Must be picklable and JSON-able.

    `calibration_dir`: "" for probabilities as the models give them. `scorer_dir`: "" where the ranker learned without a
    scorer. `precision`: the one wanted, 0 for the best F1.
    `models_dir`: the sealed model set that is checked before its parts are opened, "" for none. `encoder_model`,
    `discriminator_model`: the id that the servers must give, "any" for anything, "" for what the model set says.
    `reduce`: what a run of the offline tier leaves out (`jobs.reduced`); the other tiers leave out nothing.
    """

    release_dir: str
    ranker_dir: str
    encoder_url: str
    discriminator_url: str
    discriminator: str = "cascade"  # "cascade", "all" (every pair goes to the model) or "off"
    top_k: int = 10
    keys_per_request: int = 8
    concurrency: int = 8
    request_timeout_s: float = 120.0
    calibration_dir: str = ""
    scorer_dir: str = ""
    precision: float = 0.0
    models_dir: str = ""
    encoder_model: str = ""
    discriminator_model: str = ""
    images: ImageSettings = NO_IMAGES
    reduce: Reduce = NOTHING_REDUCED


class Recogniser(Protocol):
    """Recognises listings; made once per process by `jobs.recogniser.open_recogniser(config)`."""

    @property
    def model(self) -> str:
        """Id of the models that answer, for provenance and fingerprints."""

    @property
    def ontology_version(self) -> str:
        """Version of the ontology release that it answers from."""

    async def recognise(self, listings: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
        """Answers of N listings, same order.

        Errors: infra.vllm.ServerUnavailable when a server stays unreachable; ModelMismatch when the encoder is
        not the one that the index was made with.
        """

    async def close(self) -> None:
        """Close connections."""
