"""What both stream jobs are made of: check -> state by item -> compute -> one sink. Names and ids are kept for savepoints."""

from __future__ import annotations

import argparse

from pyflink.common import Time, Types
from pyflink.datastream import AsyncDataStream, KeyedProcessFunction

from infra.flink import OUT_TYPE, FlinkConfig, kafka_sink, kafka_source, stream_environment
from jobs.nearline.compute import COUNTED, LATER, Compute, Finish, Tally
from jobs.nearline.operators import CHECKED, CheckMessage
from pipelines.tunnel.nearline import TIER as NEARLINE
from pipelines.tunnel.stream_config import StreamConfig, job_name
from schemas.topics import DEFERRED_EVENTS, ITEM_EVENTS, RESULTS, topic_plan

# Far beyond any outage: until then an item waits for its servers, and the source behind it.
LONGEST_OUTAGE_S = 7 * 24 * 3600


def read_config(description: str) -> StreamConfig:
    """The job's settings from its command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", type=StreamConfig.of_json, required=True, help="settings as JSON")
    config: StreamConfig = parser.parse_args().config
    return config


def run_job(
    config: StreamConfig,
    tier: str,
    topics: tuple[str, ...],
    state: KeyedProcessFunction,
    give_up_s: float | None,
    at_once_s: float | None = None,
) -> None:
    """Build and submit the job of one tier. `at_once_s`: what takes longer is waited for by an operator of its own."""
    flink = FlinkConfig(config.servers, config.checkpoints, config.parallelism, config.checkpoint_ms)
    environment, tables = stream_environment(flink)
    sources = [kafka_source(tables, flink, topic, job_name(tier)) for topic in topics]
    raw = sources[0].union(*sources[1:]) if len(sources) > 1 else sources[0]
    checked = (
        raw.flat_map(CheckMessage(config, reports=tier == NEARLINE), OUT_TYPE).name("check").uid("check")
    )
    sound = checked.filter(lambda row: row[0] == CHECKED).name("sound").uid("sound")
    refused = checked.filter(lambda row: row[0] != CHECKED).name("refused").uid("refused")
    due = sound.key_by(lambda row: row[1], Types.STRING()).process(state, OUT_TYPE).name("state").uid("state")
    patience = Time.seconds(LONGEST_OUTAGE_S)
    computed = AsyncDataStream.unordered_wait(
        due, Compute(config, tier, give_up_s, at_once_s), patience, config.capacity, OUT_TYPE
    )
    computed = computed.name("compute").uid("compute")
    if at_once_s is not None:
        later = computed.filter(lambda row: row[0] == LATER).name("later").uid("later")
        finished = AsyncDataStream.unordered_wait(
            later, Finish(config, tier, give_up_s), patience, config.capacity, OUT_TYPE
        )
        # A task of its own: it waits, and must not let what comes before it wait.
        finished = finished.name("finish").uid("finish").start_new_chain()
        ready = computed.filter(lambda row: row[0] != LATER).name("ready").uid("ready")
        computed = ready.union(finished)
    said = computed.filter(lambda row: row[0] != COUNTED).name("said").uid("said")
    # In an operator of its own: what follows an asynchronous operator in one chain runs in a thread without counters.
    counted = computed.filter(lambda row: row[0] == COUNTED).name("counted").uid("counted")
    tallied = counted.flat_map(Tally(), OUT_TYPE).name("tally").uid("tally").disable_chaining()
    outgoing = [RESULTS, str(topic_plan(ITEM_EVENTS).dead_letter), DEFERRED_EVENTS]
    kafka_sink(tables, flink, outgoing, said.union(refused, tallied))
    environment.execute(job_name(tier))
