"""Which exceptions a person can do something about: their message is told, anything else is a fault of ours."""

from __future__ import annotations

import os

_REMEDIES = {
    "No space left on device": "the disk is full: make room and run the same command again, it goes on where it stopped",
    "Read-only file system": "the warehouse cannot be written: give another with --warehouse, or make it writable",
    "Permission denied": "give another warehouse with --warehouse, or the rights to write this one",
}
_SHOWN = 300


def in_words(error: BaseException) -> str:
    """What to tell of an error: its own words, and what to do where the system's words do not say it."""
    text = str(error) or type(error).__name__
    remedy = next((words for found, words in _REMEDIES.items() if found in text), None)
    if remedy is None or remedy in text:
        return text
    shown = text if isinstance(error, OSError) else text[:_SHOWN]
    return f"{shown.rstrip(os.linesep)}; {remedy}"


def expected_errors() -> tuple[type[Exception], ...]:
    """The types, imported when one is looked for: some of their modules take a second to load."""
    from infra.spark import JarsMissing
    from infra.table_lock import TableLocked
    from jobs.batch.daily_item_knowledge_recognise import RecogniseFailed
    from pipelines.tunnel.generation import GenerationError
    from pipelines.tunnel.intake_read import IntakeError
    from pipelines.tunnel.plan_folder import PlanError
    from schemas.derive import SchemaMismatch

    ours = (
        IntakeError,
        PlanError,
        GenerationError,
        RecogniseFailed,
        SchemaMismatch,
        TableLocked,
        JarsMissing,
    )
    return (*ours, *broken_systems(), ValueError)


def broken_systems() -> tuple[type[Exception], ...]:
    """What recognition raises when something that it needs is not as it must be; trying again at once is no use."""
    from jobs.models import MODEL_ERRORS
    from pipelines.library.relevance import RelevanceDamaged
    from pipelines.ontology.errors import OntologyError
    from pipelines.tunnel.offline import WrongModel
    from schemas.inference import InferenceError

    return (InferenceError, OntologyError, OSError, WrongModel, RelevanceDamaged, *MODEL_ERRORS)
