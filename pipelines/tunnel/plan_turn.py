"""Going back: a plan whose rows were since replaced by those of other models or another ontology is made anew.

Of one text the row of the greater generation wins, and a repeated plan keeps its generation. So after a roll-back the plan of
the earlier models would be found finished, and the rows of the models that were taken back would stay. The plan gets its
next turn instead: another id, a greater generation, its rows computed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pipelines.tunnel.plan import PlanInputs, plan_id_of
from pipelines.tunnel.plan_folder import Plan, PlanError, PlanFolder, read_plan


def in_turn(day: Path, inputs: PlanInputs) -> PlanInputs:
    """The inputs with the turn that they are in: the first that is not made yet, or not replaced."""
    made = list(_plans(day))
    turn = inputs
    while True:
        own = next((plan for plan in made if plan.plan_id == plan_id_of(turn)), None)
        if own is None or not any(_replaces(other, own) for other in made):
            return turn
        turn = replace(turn, turn=turn.turn + 1)


def _replaces(other: Plan, own: Plan) -> bool:
    """Whether another plan's rows win over a plan's own and say what other models or another ontology said."""
    is_other = (other.model, other.ontology_version) != (own.model, own.ontology_version)
    return other.generation > own.generation and is_other


def _plans(day: Path) -> Iterator[Plan]:
    """The complete plans of a day; one of an earlier program, which nobody can go on with, is passed over."""
    if day.is_dir():
        for path in sorted(day.iterdir()):
            folder = PlanFolder(path)
            if folder.manifest.exists():
                with suppress(PlanError):
                    yield read_plan(folder)[0]
