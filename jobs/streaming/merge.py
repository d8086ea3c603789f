"""The streaming merge: results of all tiers into item_knowledge, and out again as item-knowledge.changes (T3, T6, T7).

    python -m jobs.streaming.merge --warehouse build/warehouse --kafka 127.0.0.1:19092

Runs until SIGTERM or SIGINT; killed at any moment, the next start goes on where it stopped. While it runs it holds the
table's lock: batch runs hand their files over to it (`jobs.batch.merge_handover`). Compaction and cleaning of the table
happen here alone, in turn with the merges.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from py4j.protocol import Py4JError
from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession

from infra.change_topic import TopicWriter, newest_change
from infra.give_way import give_way
from infra.kafka import KafkaUnavailable, wait_ready
from infra.kafka_log import TopicMissing
from infra.merge_state import MergeState, StateLocked
from infra.spark import JarsMissing, spark_session
from infra.status_page import status_page
from infra.table_lock import TableLocked, table_lock
from jobs.streaming.arguments import parse
from jobs.streaming.files import FileQueue
from jobs.streaming.handler import BatchHandler
from jobs.streaming.lag import LagWatch
from jobs.streaming.query import MergeQuery
from jobs.streaming.writer import Writer, WriterSettings, state_folder
from pipelines.tunnel.merge import knowledge_table
from pipelines.tunnel.merge_stream import MergeStatus, MergeStreamConfig, prometheus
from schemas.topics import CHANGES, DEAD_SUFFIX, RESULTS

LOCK_PURPOSE = "the streaming merge"
IDLE_S = 0.5
WAIT_READY_S = 60.0


def run(
    spark: SparkSession,
    args: argparse.Namespace,
    config: MergeStreamConfig,
    settings: WriterSettings,
    stop: threading.Event,
) -> None:
    """Merge until `stop` is set.

    Errors: TableLocked; KafkaUnavailable, TopicMissing when there is no broker or topic at the start; OSError where the
    page's port is taken. Later failures are told on the page, and tried again for ever.
    """
    table = knowledge_table(args.warehouse.absolute())
    status = MergeStatus()
    # Before the page is there: nobody may take it for a merge that is at work.
    status.note(problem="starting", started_ms=time.time_ns() // 1_000_000)
    with ExitStack() as stack:
        stack.enter_context(status_page(args.host, args.port, status.told, prometheus))
        told = {"kafka": args.kafka, "topic": RESULTS}
        stack.enter_context(table_lock(spark, table, LOCK_PURPOSE, args.wait, told=told))
        wait_ready(args.kafka, WAIT_READY_S)
        state = stack.enter_context(MergeState.open(state_folder(table)))
        changes, dead = TopicWriter(args.kafka, CHANGES), TopicWriter(args.kafka, RESULTS + DEAD_SUFFIX)
        stack.callback(changes.close)
        stack.callback(dead.close)
        writer = Writer(
            spark,
            table,
            state,
            lambda found: changes.send([(one.item_id, one.message) for one in found]),
            settings,
            # Asked only where it is needed: what somebody else wrote to the topic must not keep a merge from its work.
            None if state.head().sequence else newest_change(args.kafka, CHANGES),
        )
        files = FileQueue(state, table, config.rows_per_slice, config.limits)
        turn = threading.Lock()
        handler = BatchHandler(writer, files, dead, status, config.limits, turn, stop)
        query = MergeQuery(
            spark, args.kafka, RESULTS, state_folder(table) / "checkpoint", config, args.allow_data_loss
        )
        caught_up = partial(give_way, args.gives_way)
        stack.enter_context(LagWatch(args.kafka, RESULTS, query.merged, status.waits, caught_up))
        while not stop.is_set():
            try:
                status.count("published_late", writer.recover())
                files.restart()
                query.start(handler)
                status.note(problem=None)
                _work(query, writer, files, state, status, turn, stop)
            except (StreamingQueryException, KafkaUnavailable, Py4JError) as error:
                if not stop.is_set():
                    reason = str(error).strip().splitlines()[0][:300]
                    print(f"merge: {reason}; trying again", file=sys.stderr, flush=True)
                    status.note(problem=reason)
                    status.count("restarts")
                    stop.wait(config.restart_after_s)
            finally:
                with turn:
                    pass  # the batch that is at work ends first
                query.end()


def _work(
    query: MergeQuery,
    writer: Writer,
    files: FileQueue,
    state: MergeState,
    status: MergeStatus,
    turn: threading.Lock,
    stop: threading.Event,
) -> None:
    """What happens between the batches of the stream: files, compaction, the page. Errors: those of the query."""
    while not stop.is_set():
        query.check()
        with turn:
            merged = files.merge_slice(writer)
            if merged is not None:
                status.merged(merged, (), 0)
            status.count("rows_told_again", writer.tell_again())
            began = time.monotonic()
            if writer.compact_if_due():
                status.count("compactions")
                status.count("compaction_s", time.monotonic() - began)
        status.note(unpublished=state.unpublished(), waiting_files=state.waiting_files())
        if (took_s := query.batch_s()) is not None:
            status.note(batch_s=took_s)
        # A lock is not fair: without a pause the batches of the stream might never get their turn.
        stop.wait(IDLE_S)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; 0 when it ended in good order."""
    args, config, settings = parse(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        spark = spark_session("item-knowledge merge", args.master, args.driver_memory)
        run(spark, args, config, settings, stop)
        spark.stop()
    except (
        JarsMissing,
        KafkaUnavailable,
        StateLocked,
        TableLocked,
        TopicMissing,
        OSError,
        Py4JError,
    ) as error:
        if stop.is_set():
            # A signal to the whole process group ends Spark's JVM at once, too: the next start goes on from there.
            print("merge: ended in mid-work, nothing is lost", file=sys.stderr)
            return 0
        if isinstance(error, Py4JError):
            raise
        print(f"merge: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
