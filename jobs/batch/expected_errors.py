"""Which exceptions a person can do something about: their message is told, anything else is a fault of ours."""

from __future__ import annotations


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
    from pipelines.library.ranker import RankerDamaged
    from pipelines.ontology.errors import OntologyError
    from pipelines.tunnel.offline import WrongModel
    from schemas.inference import InferenceError

    return (InferenceError, OntologyError, RankerDamaged, WrongModel, OSError)
