"""A merge killed with kill -9 and run again ends in the table of an undisturbed one; its lock frees itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from infra.hudi import read_table
from infra.hudi_reading import commits
from infra.table_lock import TableLocked, lock_path
from jobs.batch.merge import merge_files, merge_rows
from pipelines.tunnel.merge import MergeConfig
from schemas.knowledge import KnowledgeRow
from tests.spark.conftest import SMALL, frame, knowledge_row, parquet, spark_rows, table_rows
from udfs.version import settle

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 300
PRESENT = [knowledge_row(f"i{number}", attr, 1) for number in range(40) for attr in ("form", "origin")]
NEW = [
    *[knowledge_row(f"i{number}", "form", 2, "newer") for number in range(0, 40, 2)],
    *[knowledge_row(f"i{number}", "volume", 2, category="cup") for number in range(1, 40, 4)],
    *[knowledge_row(f"n{number}", "form", 2) for number in range(20)],
]
EXPECTED = settle([*PRESENT, *NEW])


@dataclass(frozen=True)
class Moment:
    """When the process is stopped, and what then gets kill -9: the Python driver, or its JVM, too."""

    reached: Callable[[Path], bool]
    with_jvm: bool


def timeline(table: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in (table / ".hoodie" / "timeline").glob(pattern))


def new_data_files(table: Path) -> int:
    return len([path for path in table.glob(".*.log.*") if not path.name.endswith(".crc")])


MOMENTS = {
    "when the lock is held and nothing begun": Moment(
        lambda table: lock_path(table).exists() and lock_path(table).stat().st_size > 0, True
    ),
    "when the commit is begun": Moment(lambda table: len(timeline(table, "*.requested")) > 1, False),
    "when some files are written": Moment(lambda table: new_data_files(table) > 0, True),
    "when the commit is done and not noted": Moment(
        lambda table: len(timeline(table, "*_*.deltacommit")) > 1, True
    ),
}


@pytest.fixture(scope="module")
def base(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A table that holds PRESENT, and the shards of NEW."""
    folder = tmp_path_factory.mktemp("base")
    table = folder / "item_knowledge"
    merge_rows(spark, frame(spark, PRESENT, folder), table, settings=SMALL)
    half = len(NEW) // 2
    return table, [parquet(NEW[:half], folder / "a.parquet"), parquet(NEW[half:], folder / "b.parquet")]


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_killed_and_run_again(
    spark: SparkSession, base: tuple[Path, list[Path]], tmp_path: Path, moment: Moment
) -> None:
    source, files = base
    table = tmp_path / "item_knowledge"
    shutil.copytree(source, table)
    process = start(table, files)
    try:
        wait_for(process, lambda: moment.reached(table))
        os.killpg(process.pid, signal.SIGSTOP)
        with pytest.raises(TableLocked, match=rf"process {process.pid} on .*merge"):
            merge_files(spark, files, table, MergeConfig(wait_for_lock_s=0), SMALL)
    finally:
        kill(process, with_jvm=moment.with_jvm)
    readable: dict[tuple[str, str], KnowledgeRow] = table_rows(spark, table)
    assert readable in (settle(PRESENT), EXPECTED)
    assert spark_rows(read_table(spark, table)) in (settle(PRESENT), EXPECTED)

    merge_files(spark, files, table, MergeConfig(wait_for_lock_s=60), SMALL)
    assert table_rows(spark, table) == EXPECTED
    assert spark_rows(read_table(spark, table)) == EXPECTED
    before = commits(table)
    assert merge_rows(spark, frame(spark, NEW, tmp_path), table, settings=SMALL).written == 0
    assert commits(table) == before


def start(table: Path, files: list[Path]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.spark.merge_process", str(table), *map(str, files)]
    log = (table.parent / "process.log").open("wb")
    return subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL
    )


def wait_for(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not reached():
        assert process.poll() is None, "the merge ended before it could be killed"
        assert time.monotonic() < deadline, "the merge did not get there"
        time.sleep(0.001)


def kill(process: subprocess.Popen[bytes], with_jvm: bool) -> None:
    if with_jvm:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        os.kill(process.pid, signal.SIGKILL)
        # The JVM goes on for as long as it takes to see that its driver is gone.
        os.killpg(process.pid, signal.SIGCONT)
    process.wait(timeout=60)
