"""Opens recognisers with load taken off (`pipelines.reduction`): what `jobs.recogniser` opens, and the relevance model beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from jobs.models import SHIPPED
from jobs.recogniser import open_recogniser
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.relevance import load_relevance
from pipelines.library.s2d import S2D
from pipelines.reduction.config import Reduction
from pipelines.reduction.earlier import Before
from pipelines.reduction.flow import Flow
from pipelines.reduction.reduced import ReducedS2D

RELEVANCE = SHIPPED / "relevance"


def open_reduced(
    config: RecogniserConfig,
    reduction: Reduction,
    relevance: Path = RELEVANCE,
    before: Callable[[str], Before | None] | None = None,
    flow: Flow | None = None,
) -> ReducedS2D:
    """A recogniser that leaves out what `reduction` allows; see `ReducedS2D` for the rest.

    Errors: those of `open_recogniser`; RelevanceDamaged, and ModelMismatch where the heads learned from another encoder.
    """
    opened = open_recogniser(config)
    if not isinstance(opened, S2D):
        raise TypeError(f"{type(opened).__name__} cannot be reduced: only S2D can")
    parts = {part.name: getattr(opened, part.name) for part in fields(S2D) if part.init}
    heads = load_relevance(relevance) if reduction.needs_model else None
    return ReducedS2D(**parts, reduction=reduction, heads=heads, before=before, flow=flow)
