"""What the steps of `daily_item_knowledge` share."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import SparkSession

from infra.spark import spark_session
from jobs.released import find_release
from pipelines.library.recogniser import RecogniserConfig
from pipelines.reduction.config import NOTHING_REDUCED, Reduce
from pipelines.tunnel.daily_item_knowledge import DailyConfig
from pipelines.tunnel.plan_folder import Plan, PlanFolder, current_plan, read_plan
from schemas.shard import ShardEntry


class Current(NamedTuple):
    """The day's plan as the steps after `plan` find it."""

    folder: PlanFolder
    plan: Plan
    entries: list[ShardEntry]


class Context:
    """Settings, and a Spark session and a recogniser's settings, made when first needed."""

    def __init__(
        self,
        config: DailyConfig,
        ontology: str,
        discriminator: str,
        images: str = "off",
        precision: float = 0.0,
        reduce: Reduce = NOTHING_REDUCED,
        driver_memory: str = "2g",
    ) -> None:
        self.config = config
        self._driver_memory = driver_memory
        self._ontology = ontology
        self._discriminator = discriminator
        self._images = images
        self._precision = precision
        self._reduce = reduce
        self._spark: SparkSession | None = None

    @cached_property
    def release(self) -> Path:
        """Folder of the ontology's release. Errors: UnknownVersion."""
        return find_release(self.config.warehouse, self._ontology)

    @cached_property
    def recogniser(self) -> RecogniserConfig:
        """Settings of the recogniser."""
        from jobs.recogniser import default_config  # a second to load

        return default_config(self.release, self._discriminator, self._images, self._precision, self._reduce)

    @property
    def spark(self) -> SparkSession:
        """The session; started once."""
        if self._spark is None:
            self._spark = spark_session("daily_item_knowledge", driver_memory=self._driver_memory)
        return self._spark

    def current(self) -> Current:
        """The day's current plan. Errors: PlanError."""
        folder = current_plan(self.config.warehouse, self.config.day)
        return Current(folder, *read_plan(folder))

    def close(self) -> None:
        """End the session, if one was started."""
        if self._spark is not None:
            self._spark.stop()


def now_ms() -> int:
    """The present time, Unix ms."""
    return int(time.time() * 1000)


def say(line: str) -> None:
    """Tell what a step did, for logs."""
    print(line, flush=True)
