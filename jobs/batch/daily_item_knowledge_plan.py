"""Step `plan`: intake, the items table, shards and manifest; an existing plan of the same inputs is kept."""

from __future__ import annotations

import asyncio
import time

from jobs.batch.daily_item_knowledge_context import Context, now_ms, say
from jobs.batch.daily_item_knowledge_intake import Intake, discard, keep_intake, staging, take_in
from jobs.batch.daily_item_knowledge_merge import take_over_items
from jobs.batch.daily_item_knowledge_shards import write_shards
from pipelines.tunnel.daily_item_knowledge import DailyConfig, day_start_ms, inputs_of, run_id_of
from pipelines.tunnel.generation import generation_of
from pipelines.tunnel.merge import items_table
from pipelines.tunnel.plan import PlanInputs, plan_id_of
from pipelines.tunnel.plan_folder import Plan, PlanFolder, day_folder, forget_error, point_to, write_plan
from pipelines.tunnel.plan_turn import in_turn
from pipelines.tunnel.run_summary import add_to_step


def plan(context: Context) -> None:
    """Take the listings in and cut them into shards, unless the plan of the same inputs is there already."""
    config, started_ms, started_s = context.config, now_ms(), time.monotonic()
    day = day_folder(config.warehouse, config.day)
    forget_error(day)
    intake = take_in(list(config.incoming), staging(day), started_ms, day_start_ms(config.day), config.limit)
    try:
        inputs = in_turn(day, _inputs(context, intake.digest))
    except BaseException:
        discard(intake)
        raise
    folder = PlanFolder(day / plan_id_of(inputs))
    if folder.manifest.exists():
        discard(intake)
        point_to(folder)
        say(f"plan {folder.root.name}: the same inputs were planned before, nothing to do")
        return
    keep_intake(intake, folder)
    made = _plan(config, inputs, intake, started_ms)
    _make(context, folder, made, started_s)


def _make(context: Context, folder: PlanFolder, made: Plan, started_s: float) -> None:
    """The items table, the shards, and what makes the plan complete."""
    intake_s = time.monotonic() - started_s
    # Shards first: they take along what the items table holds until now.
    known = context.config.warehouse if context.recogniser.reduce.is_differential else None
    entries = write_shards(context.spark, folder, made.plan_id, context.config.rows_per_shard, known)
    plan_s = time.monotonic() - started_s - intake_s
    take_over_items(context.spark, folder, items_table(context.config.warehouse))
    items_s = time.monotonic() - started_s - intake_s - plan_s
    add_to_step(folder, "plan", {"intake": intake_s, "items": items_s, "plan": plan_s}, {}, now_ms())
    write_plan(folder, made, entries)
    rejected = sum(made.rejects.values())
    say(f"plan {made.plan_id}: {made.listings} listings in {len(entries)} shards, {rejected} rejected")


def _inputs(context: Context, listings_digest: str) -> PlanInputs:
    """What the plan depends on; models and ontology are asked of a recogniser, which checks that they are there."""
    from jobs.reduced import open_run_recogniser  # a second to load

    async def ask() -> PlanInputs:
        opened = open_run_recogniser(context.recogniser)
        try:
            return inputs_of(context.config, listings_digest, opened, context.recogniser)
        finally:
            await opened.close()

    return asyncio.run(ask())


def _plan(config: DailyConfig, inputs: PlanInputs, intake: Intake, started_ms: int) -> Plan:
    plan_id = plan_id_of(inputs)
    return Plan(
        plan_id=plan_id,
        day=config.day,
        run_id=run_id_of(inputs),
        ontology_version=inputs.ontology_version,
        model=inputs.model,
        generation=generation_of(config.generations, inputs.ontology_version, inputs.model, plan_id),
        started_ms=started_ms,
        listings=intake.listings,
        rejects=intake.rejects,
        notes=intake.notes,
    )
