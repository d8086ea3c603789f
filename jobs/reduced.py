"""Opens recognisers with load taken off (`pipelines.reduction`): what `jobs.recogniser` opens, and the relevance model beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from jobs.models import SHIPPED
from jobs.recogniser import open_recogniser
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.relevance import load_relevance
from pipelines.library.s2d import S2D
from pipelines.models.model_set import part_of
from pipelines.reduction.config import REDUCED, Reduction
from pipelines.reduction.earlier import Before
from pipelines.reduction.flow import Flow
from pipelines.reduction.reduced import ReducedS2D

RELEVANCE = SHIPPED / "relevance"


def open_run_recogniser(config: RecogniserConfig) -> ReducedS2D:
    """The recogniser of a run of the offline tier, with the load taken off that `config.reduce` names.

    With nothing taken off it answers as `open_recogniser`'s, and can say what its pairs were computed from all the same.
    Times of its flow are the system's, so that those of several workers can be compared.
    Errors: as `open_reduced`.
    """
    flow = Flow(clock=time.time) if config.reduce.flows else None
    return open_reduced(config, config.reduce.reduction, flow=flow)


def open_reduced(
    config: RecogniserConfig,
    reduction: Reduction,
    relevance: Path = RELEVANCE,
    before: Callable[[str], Before | None] | None = None,
    flow: Flow | None = None,
) -> ReducedS2D:
    """A recogniser that leaves out what `reduction` allows; see `ReducedS2D` for the rest.

    With a `flow`, the discriminator is given as much at once as it says it can take.

    Errors: those of `open_recogniser`; RelevanceDamaged, and ModelMismatch where the heads learned from another encoder.
    """
    opened = open_recogniser(config, admits=flow is not None)
    if not isinstance(opened, S2D):
        raise TypeError(f"{type(opened).__name__} cannot be reduced: only S2D can")
    parts = {part.name: getattr(opened, part.name) for part in fields(S2D) if part.init}
    heads = load_relevance(relevance) if reduction.needs_model else None
    if not reduction.is_off:
        # Results are found again by the model's id: with other load taken off it must be another.
        parts["model"] += REDUCED + reduction.said(_said(relevance) if heads else "")
    return ReducedS2D(**parts, reduction=reduction, heads=heads, before=before, flow=flow)


def _said(relevance: Path) -> str:
    part = part_of(relevance)
    return f"relevance {part.version}#{part.digest[:8]}"
