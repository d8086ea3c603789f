"""The four steps of `daily_item_knowledge`; each can be repeated, and repeats only what is not done."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from pyspark.sql import SparkSession

from infra.spark import spark_session
from jobs.batch import daily_item_knowledge_plan as planning
from jobs.batch.daily_item_knowledge_merge import merge_results, take_over_items, unmerged_results
from jobs.batch.daily_item_knowledge_recognise import recognise_plan
from jobs.released import find_release
from pipelines.apps.run_report import render_run_report
from pipelines.library.recogniser import RecogniserConfig
from pipelines.ontology.release import open_release
from pipelines.tunnel.daily_item_knowledge import DailyConfig, day_start_ms, inputs_of, run_id_of
from pipelines.tunnel.generation import generation_of
from pipelines.tunnel.merge import items_table, knowledge_table
from pipelines.tunnel.plan import PlanInputs, plan_id_of
from pipelines.tunnel.plan_folder import (
    Plan,
    PlanError,
    PlanFolder,
    current_plan,
    day_folder,
    point_to,
    read_plan,
    unfinished,
    write_json,
    write_plan,
    write_whole,
)
from pipelines.tunnel.run_summary import add_to_step, summarise
from schemas.derive import to_mapping
from schemas.shard import ShardEntry


class Context:
    """What steps share: settings, and a Spark session and a recogniser's settings, made when first needed."""

    def __init__(self, config: DailyConfig, ontology: str, discriminator: str) -> None:
        self.config = config
        self._ontology = ontology
        self._discriminator = discriminator
        self._spark: SparkSession | None = None

    @cached_property
    def release(self) -> Path:
        """Folder of the ontology's release."""
        return find_release(self.config.warehouse, self._ontology)

    @cached_property
    def recogniser(self) -> RecogniserConfig:
        """Settings of the recogniser."""
        from jobs.recogniser import default_config  # a second to load

        return default_config(self.release, self._discriminator)

    @property
    def spark(self) -> SparkSession:
        """The session; started once."""
        if self._spark is None:
            self._spark = spark_session("daily_item_knowledge")
        return self._spark

    def close(self) -> None:
        """End the session, if one was started."""
        if self._spark is not None:
            self._spark.stop()


def plan(context: Context) -> None:
    """Take the listings in and cut them into shards, unless the plan of the same inputs is there already."""
    config, started, started_ms = context.config, time.monotonic(), _now_ms()
    day = day_folder(config.warehouse, config.day)
    (day / "last_error.json").unlink(missing_ok=True)
    intake = planning.take_in(
        list(config.incoming), planning.staging(day), started_ms, day_start_ms(config.day), config.limit
    )
    inputs = _inputs(context, intake.digest)
    folder = PlanFolder(day / plan_id_of(inputs))
    if folder.manifest.exists():
        planning.discard(intake)
        point_to(folder)
        _say(f"plan {folder.root.name}: the same inputs were planned before, nothing to do")
        return
    planning.keep_intake(intake, folder)
    intake_s = time.monotonic() - started
    take_over_items(context.spark, folder, items_table(config.warehouse))
    items_s = time.monotonic() - started - intake_s
    entries = planning.write_shards(context.spark, folder, folder.root.name, config.rows_per_shard)
    seconds = {"intake": intake_s, "items": items_s, "plan": time.monotonic() - started - intake_s - items_s}
    add_to_step(folder, "plan", seconds, {}, _now_ms())
    write_plan(folder, _plan(config, inputs, intake, started_ms), entries)
    _say(
        f"plan {folder.root.name}: {intake.listings} listings in {len(entries)} shards, rejected {intake.rejects or 0}"
    )


def recognise(context: Context) -> None:
    """Recognise the shards that have no result yet."""
    folder, found, entries = _current(context)
    if not unfinished(folder, entries):
        _say(f"recognise: all {len(entries)} shards were finished before, nothing to do")
        return
    done = recognise_plan(context.spark, folder, found, entries, context.recogniser, context.config.shard)
    _say(f"recognise: {done} of {len(entries)} shards recognised, the others were finished before")


def merge(context: Context) -> None:
    """Bring the results into item_knowledge, unless they are there."""
    folder, _, entries = _current(context)
    left = unfinished(folder, entries)
    if left:
        raise PlanError(
            f"{len(left)} of {len(entries)} shards are not recognised; run the `recognise` step first"
        )
    table = knowledge_table(context.config.warehouse)
    results = unmerged_results(folder, entries, table)
    if not results:
        _say("merge: the table holds all results of this plan, nothing to do")
        return
    started = time.monotonic()
    counts = merge_results(context.spark, results, table)
    add_to_step(folder, "merge", {"merge": time.monotonic() - started}, counts, _now_ms())
    _say(
        f"merge: {counts['rows_merged']:,} rows written, {counts['rows_changed']:,} of them say something new"
    )


def report(context: Context) -> None:
    """Write report.json and report.html into the plan's folder."""
    folder, found, entries = _current(context)
    categories = open_release(context.release).snapshot.categories
    names = {category_id: category.name for category_id, category in categories.items()}
    summary = summarise(folder, found, entries, names, _machine())
    write_json(folder.root / "report.json", to_mapping(summary))
    write_whole(folder.root / "report.html", render_run_report(summary).encode("utf-8"))
    _say(f"report: {folder.root / 'report.html'}")


STEPS: Mapping[str, Callable[[Context], None]] = {
    "plan": plan,
    "recognise": recognise,
    "merge": merge,
    "report": report,
}


def _current(context: Context) -> tuple[PlanFolder, Plan, list[ShardEntry]]:
    folder = current_plan(context.config.warehouse, context.config.day)
    return folder, *read_plan(folder)


def _inputs(context: Context, listings_digest: str) -> PlanInputs:
    """What the plan depends on; models and ontology are asked of a recogniser, which checks that they fit."""
    from jobs.recogniser import open_recogniser

    async def ask() -> PlanInputs:
        opened = open_recogniser(context.recogniser)
        try:
            return inputs_of(context.config, listings_digest, opened, context.recogniser)
        finally:
            await opened.close()

    return asyncio.run(ask())


def _plan(config: DailyConfig, inputs: PlanInputs, intake: planning.Intake, started_ms: int) -> Plan:
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


def _machine() -> dict[str, str]:
    return {
        "system": platform.platform(terse=True),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }


def _now_ms() -> int:
    return int(time.time() * 1000)


def _say(line: str) -> None:
    print(line, flush=True)
