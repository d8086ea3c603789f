"""The Structured Streaming query over one topic: started, looked at, ended, started again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import DataFrame, SparkSession

from infra.kafka_topic_id import topic_id
from pipelines.tunnel.merge_stream import MergeStreamConfig


class MergeQuery:
    """One query at a time; its offsets are kept in a checkpoint of the topic, not of the topic's name."""

    def __init__(
        self,
        spark: SparkSession,
        servers: str,
        topic: str,
        checkpoint: Path,
        config: MergeStreamConfig,
        allow_data_loss: bool,
    ) -> None:
        self._spark, self._servers, self._topic = spark, servers, topic
        self._checkpoint, self._config, self._allow_data_loss = checkpoint, config, allow_data_loss
        self._query: Any = None

    def start(self, handle: Callable[[DataFrame, int], None]) -> None:
        """Start it where it was. Errors: KafkaUnavailable, TopicMissing."""
        # A topic that was made anew begins at offset 0 again: the old one's offsets would skip its messages.
        checkpoint = self._checkpoint / topic_id(self._servers, self._topic)
        source = (
            self._spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", self._servers)
            .option("subscribe", self._topic)
            .option("startingOffsets", "earliest")
            .option("maxOffsetsPerTrigger", self._config.messages_per_batch)
            .option("failOnDataLoss", str(not self._allow_data_loss).lower())
            .load()
        )
        self._query = (
            source.writeStream.foreachBatch(handle)
            .option("checkpointLocation", checkpoint.resolve().as_uri())
            .trigger(processingTime=f"{int(self._config.trigger_s * 1000)} milliseconds")
            .start()
        )

    def check(self) -> None:
        """Errors: StreamingQueryException where the query has ended by a failure."""
        if self._query is not None and not self._query.isActive:
            self._query.awaitTermination(1)

    def merged(self) -> dict[int, int] | None:
        """By partition, the offset after the last message of a finished batch; None before there was one. From any thread."""
        progress = self._progress()
        if progress is None:
            return None
        ends = progress["sources"][0].get("endOffset")
        found = (json.loads(ends) if isinstance(ends, str) else ends) or {}
        return {int(partition): int(offset) for partition, offset in (found.get(self._topic) or {}).items()}

    def batch_s(self) -> float | None:
        """How long the last batch took; None before there was one."""
        progress = self._progress()
        return None if progress is None else float(progress["durationMs"].get("triggerExecution", 0)) / 1000

    def _progress(self) -> Any:
        query = self._query
        try:
            return query.lastProgress if query is not None else None
        except Py4JError:  # Spark is ending
            return None

    def end(self) -> None:
        """End it; nothing where it does not run."""
        query, self._query = self._query, None
        if query is not None:
            query.stop()
