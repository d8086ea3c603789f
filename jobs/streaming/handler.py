"""One batch of the stream: messages of item-knowledge.results into the table, bad ones into the dead-letter topic."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import orjson
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from infra.change_topic import TopicWriter
from jobs.streaming.files import FileQueue
from jobs.streaming.writer import Writer
from pipelines.tunnel.merge_intake import IntakeLimits, RawMessage
from pipelines.tunnel.merge_stream import MergeStatus, sort_out
from schemas.dead_letter import MAX_RAW_BYTES

AT_ONCE_BYTES = 128 << 20
"""How much of a batch is in memory at once. A batch is bounded by the number of its messages, and each may have 3 MiB."""
LONGEST_KEY = 2_000
"""Bytes of a key that are fetched: more than any id has, so that a key that is cut is a wrong one all the same."""


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
        at_once_bytes: int = AT_ONCE_BYTES,
    ) -> None:
        self._writer, self._files, self._dead, self._status = writer, files, dead, status
        self._limits, self._turn, self._stop, self._now_ms = limits, turn, stop, now_ms
        self._at_once_bytes = at_once_bytes

    def __call__(self, frame: DataFrame, batch_id: int) -> None:
        """Merge one batch. A batch that comes again changes nothing: its rows do not win over themselves."""
        with self._turn:
            if self._stop.is_set():
                raise Stopping("the merge is ending; the batch comes again after the next start")
            for portion in portions_of(frame, self._limits, self._at_once_bytes):
                self._merge(messages_of(portion, self._limits))

    def _merge(self, messages: Sequence[RawMessage]) -> None:
        found = sort_out(messages, self._now_ms(), self._limits)
        refused = [*found.refused, *self._files.add(found.pointers)]
        # Dead letters first: were the batch cut off after its commit, they would come twice, not never.
        self._dead.send([(f"{one.topic}/{one.partition}/{one.offset}", orjson.dumps(one)) for one in refused])
        self._status.refused(refused)
        merged = self._writer.merge(found.rows)
        self._status.merged(merged, found.arrivals, self._now_ms())


def portions_of(frame: DataFrame, limits: IntakeLimits, at_once_bytes: int) -> Iterator[DataFrame]:
    """A batch as it is, or, where its messages are long, in parts of about so many bytes; a message is never cut.

    Without it, some hundred messages of the greatest length would be more than Spark brings to a driver, and the batch would
    fail again and again: its offsets are fixed.
    """
    size = F.coalesce(F.length("value"), F.lit(0))
    fetched = F.when(size > limits.message_bytes, F.lit(MAX_RAW_BYTES)).otherwise(size)
    sizes = sorted(tuple(row) for row in frame.select("partition", "offset", fetched).collect())
    groups = _grouped(sizes, at_once_bytes)
    if len(groups) <= 1:
        yield frame
        return
    kept = frame.persist(StorageLevel.DISK_ONLY)  # else each portion would fetch the whole batch again
    try:
        yield from _each(kept, groups)
    finally:
        kept.unpersist()


def _each(frame: DataFrame, groups: Sequence[Sequence[tuple[int, int]]]) -> Iterator[DataFrame]:
    for group in groups:
        inside = F.lit(False)
        for partition, offsets in groupby(group, key=itemgetter(0)):
            placed = [offset for _, offset in offsets]
            inside = inside | (
                (F.col("partition") == partition) & F.col("offset").between(placed[0], placed[-1])
            )
        yield frame.filter(inside)


def _grouped(sizes: Sequence[tuple[int, int, int]], at_once_bytes: int) -> list[list[tuple[int, int]]]:
    """Places (partition, offset), in order, in groups of at most so many bytes, or of one message."""
    groups: list[list[tuple[int, int]]] = []
    room = 0
    for partition, offset, size in sizes:
        if not groups or size > room:
            groups.append([])
            room = at_once_bytes
        groups[-1].append((partition, offset))
        room -= size
    return groups


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
        F.substring("key", 1, LONGEST_KEY).alias("key"),
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
