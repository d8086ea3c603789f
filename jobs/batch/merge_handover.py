"""Finished files into item_knowledge: handed over to the streaming merge where it runs, else merged here (T6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from pyspark.sql import SparkSession

from infra.hudi_reading import commits, is_table
from infra.kafka import produce
from infra.table_lock import TableLocked, holder_of
from jobs.batch.merge import DEFAULTS, merge_files, require_contract
from pipelines.tunnel.merge import MergeConfig, MergedFiles, MergeResult
from pipelines.tunnel.merge_handover import pointer_messages
from schemas.results import key_of

POLL_S = 1.0
WAIT_S = 2 * 3600.0


class NotMergedInTime(TimeoutError):
    """The streaming merge has not merged the files. The message says what to do."""


def merge_or_hand_over(
    spark: Callable[[], SparkSession],
    files: Sequence[Path],
    table: Path,
    run_id: str,
    event_ms: int,
    config: MergeConfig = DEFAULTS,
    wait_s: float = WAIT_S,
) -> MergeResult:
    """Bring finished files into the table, whoever its writer is, and come back when they are in it.

    `spark` is called where the merge happens here. Errors: as `merge_files`; KafkaUnavailable; NotMergedInTime.
    """
    deadline = time.monotonic() + wait_s
    while True:
        holder = holder_of(table)
        if holder is not None and "topic" in holder:
            if _handed_over(files, table, run_id, event_ms, holder, deadline):
                written, changed = MergedFiles(table).counts(files)
                return MergeResult(0, 0, written, changed, commits(table)[-1])
            continue  # the streaming merge has ended meanwhile
        try:
            return merge_files(spark(), files, table, config)
        except TableLocked:
            # It may be the streaming merge, started a moment ago.
            if "topic" not in (holder_of(table) or {}):
                raise


def unmerged(files: Sequence[Path], table: Path) -> list[Path]:
    """The files that the table does not hold yet."""
    return MergedFiles(table).without(files, lambda: commits(table)) if is_table(table) else list(files)


def _handed_over(
    files: Sequence[Path],
    table: Path,
    run_id: str,
    event_ms: int,
    holder: Mapping[str, Any],
    deadline: float,
) -> bool:
    """Send the files and wait; False where their reader ended before it merged them.

    Its successor will read the message, too; that the files are then merged twice changes nothing.
    """
    left = unmerged(files, table)
    for path in left:
        require_contract(path)
    sent = pointer_messages(left, run_id, event_ms)
    produce(str(holder["kafka"]), str(holder["topic"]), [(key_of(one), orjson.dumps(one)) for one in sent])
    while left := unmerged(left, table):
        if "topic" not in (holder_of(table) or {}):
            return False
        if time.monotonic() > deadline:
            raise NotMergedInTime(
                f"{len(left)} of {len(files)} files are not merged: look at the log of the streaming merge and at the "
                f"topic {holder['topic']}.dead, then repeat this step"
            )
        time.sleep(POLL_S)
    return True
