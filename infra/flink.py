"""PyFlink: the environment of a stream job, Kafka topics as streams of raw messages, and one sink for all that a job says.

Sources and sink are tables of raw bytes: only those give a job a message's key, place and time, and only those let it write
key, value and topic by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pyflink.common import Configuration, Types
from pyflink.datastream import CheckpointingMode, DataStream, StreamExecutionEnvironment
from pyflink.table import DataTypes, Schema, StreamTableEnvironment

OUT_TYPE = Types.ROW_NAMED(["topic", "key", "value"], [Types.STRING(), Types.STRING(), Types.STRING()])
"""What goes to the sink: topic, key and value of a message."""
MAX_REQUEST_BYTES = 16 << 20
MAX_FETCH_BYTES = 16 << 20
"""Of all partitions together, but for one message, which is always fetched: without it a fetch of 16 MiB a partition is allowed."""


@dataclass(frozen=True, slots=True)
class FlinkConfig:
    """How a job runs. Units: ms. `bundle_ms`: how long a Python worker gathers records before it works on them.

    `checkpoints`: address of the folder of this job's checkpoints.
    """

    servers: str
    checkpoints: str
    parallelism: int = 1
    checkpoint_ms: int = 10_000
    bundle_ms: int = 50
    bundle_size: int = 100


def stream_environment(config: FlinkConfig) -> tuple[StreamExecutionEnvironment, StreamTableEnvironment]:
    """The environment of a job. State backend and restarts are the cluster's settings."""
    settings = Configuration()
    settings.set_string("python.fn-execution.bundle.time", str(config.bundle_ms))
    settings.set_string("python.fn-execution.bundle.size", str(config.bundle_size))
    settings.set_string("execution.checkpointing.dir", config.checkpoints)
    # While model servers are away, a checkpoint waits for the records under way: that must not end the job.
    settings.set_string("execution.checkpointing.tolerable-failed-checkpoints", "1000000")
    settings.set_string("execution.checkpointing.timeout", "10 min")
    environment = StreamExecutionEnvironment.get_execution_environment(settings)
    environment.set_parallelism(config.parallelism)
    # A message that is read twice ends in the same state, so no branch has to wait for the barrier of a slower one.
    environment.enable_checkpointing(config.checkpoint_ms, CheckpointingMode.AT_LEAST_ONCE)
    return environment, StreamTableEnvironment.create(environment)


def kafka_source(tables: StreamTableEnvironment, config: FlinkConfig, topic: str, group: str) -> DataStream:
    """A topic as rows of (key, value, topic, partition, offset, time): from where the group stopped, else from its beginning."""
    name = f"source_{_name(topic)}"
    tables.execute_sql(
        f"""CREATE TEMPORARY TABLE {name} (
            message_key BYTES, message_value BYTES,
            message_topic STRING METADATA FROM 'topic', message_partition INT METADATA FROM 'partition',
            message_offset BIGINT METADATA FROM 'offset', message_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'
        ) WITH (
            'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{config.servers}',
            'properties.group.id' = '{group}', 'scan.startup.mode' = 'group-offsets',
            'properties.auto.offset.reset' = 'earliest',
            'properties.fetch.max.bytes' = '{MAX_FETCH_BYTES}', {_RAW}
        )"""
    )
    return tables.to_data_stream(tables.from_path(name))


def kafka_sink(
    tables: StreamTableEnvironment, config: FlinkConfig, topics: Sequence[str], messages: DataStream
) -> None:
    """Write messages (`OUT_TYPE`) to the topic that each names, at least once."""
    tables.execute_sql(
        f"""CREATE TEMPORARY TABLE sink (
            message_key STRING, message_value STRING, message_topic STRING NOT NULL METADATA FROM 'topic'
        ) WITH (
            'connector' = 'kafka', 'topic' = '{";".join(topics)}', 'sink.delivery-guarantee' = 'at-least-once',
            'properties.bootstrap.servers' = '{config.servers}',
            'properties.max.request.size' = '{MAX_REQUEST_BYTES}', {_RAW}
        )"""
    )
    form = Schema.new_builder()
    for field in ("topic", "key", "value"):
        form = form.column(field, DataTypes.STRING())
    table = tables.from_data_stream(messages, form.build())
    statements = tables.create_statement_set()
    statements.add_insert_sql(
        f"INSERT INTO sink SELECT `key`, `value`, COALESCE(`topic`, '') FROM {_registered(tables, table)}"
    )
    statements.attach_as_datastream()


_RAW = (
    "'key.format' = 'raw', 'key.fields' = 'message_key', 'value.format' = 'raw', "
    "'value.fields-include' = 'EXCEPT_KEY'"
)


def _registered(tables: StreamTableEnvironment, table: Any) -> str:
    tables.create_temporary_view("messages", table)
    return "messages"


def _name(topic: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in topic)
