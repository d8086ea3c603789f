"""One batch of the stream: messages of item-knowledge.results into the table, bad ones into the dead-letter topic."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import orjson
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from infra.change_topic import TopicWriter
from jobs.streaming.files import FileQueue
from jobs.streaming.writer import Writer
from pipelines.tunnel.merge_intake import IntakeLimits, RawMessage
from pipelines.tunnel.merge_stream import MergeStatus, sort_out
from schemas.dead_letter import MAX_RAW_BYTES


class Stopping(RuntimeError):
    """The merge is ending and takes no further batch."""


class BatchHandler:
    """What foreachBatch calls. `turn` keeps it and the work between batches apart."""

    def __init__(
        self,
        writer: Writer,
        files: FileQueue,
        dead: TopicWriter,
        status: MergeStatus,
        limits: IntakeLimits,
        turn: threading.Lock,
        stop: threading.Event,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._writer, self._files, self._dead, self._status = writer, files, dead, status
        self._limits, self._turn, self._stop, self._now_ms = limits, turn, stop, now_ms

    def __call__(self, frame: DataFrame, batch_id: int) -> None:
        """Merge one batch. A batch that comes again changes nothing: its rows do not win over themselves."""
        with self._turn:
            if self._stop.is_set():
                raise Stopping("the merge is ending; the batch comes again after the next start")
            self._merge(frame)

    def _merge(self, frame: DataFrame) -> None:
        found = sort_out(messages_of(frame, self._limits), self._now_ms(), self._limits)
        refused = [*found.refused, *self._files.add(found.pointers)]
        # Dead letters first: were the batch cut off after its commit, they would come twice, not never.
        self._dead.send([(f"{one.topic}/{one.partition}/{one.offset}", orjson.dumps(one)) for one in refused])
        self._status.refused(refused)
        merged = self._writer.merge(found.rows)
        self._status.merged(merged, found.arrivals, self._now_ms())


def messages_of(frame: DataFrame, limits: IntakeLimits) -> list[RawMessage]:
    """The messages of a batch; of one that is too long only the beginning is fetched."""
    size = F.length("value")
    value = F.when(size > limits.message_bytes, F.substring("value", 1, MAX_RAW_BYTES)).otherwise(
        F.col("value")
    )
    rows = frame.select(
        "topic",
        "partition",
        "offset",
        F.unix_millis("timestamp").alias("time_ms"),
        "key",
        value.alias("value"),
        F.coalesce(size, F.lit(0)).alias("size"),
    ).collect()
    found = [
        RawMessage(
            row.topic,
            row.partition,
            row.offset,
            row.time_ms,
            None if row.key is None else bytes(row.key),
            None if row.value is None else bytes(row.value),
            row.size,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.topic, one.partition, one.offset))
