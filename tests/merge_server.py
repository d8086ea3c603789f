"""The streaming merge as a process for tests and benchmarks: started, looked at, killed; and what it has written, read back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from infra.hudi_reading import file_slices, is_table, read_slices
from infra.kafka import consume
from infra.status_page import look
from schemas.change import Change
from schemas.derive import arrow_to_records, parse_record
from schemas.knowledge import KnowledgeRow
from schemas.topics import CHANGES

ROOT = Path(__file__).resolve().parents[1]
QUICK_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
PATIENCE_S = 300.0
SMALL = (
    "--trigger", "1", "--buckets", "2", "--compact-every", "3", "--driver-memory", "1g", "--slice", "50",
)  # fmt: skip
"""Settings for few rows: commits soon, several slices a file, compactions within a test."""


@dataclass
class Merge:
    """The streaming merge of one warehouse, a process of its own."""

    servers: str
    warehouse: Path
    port: int
    words: tuple[str, ...] = SMALL
    process: subprocess.Popen[bytes] | None = None

    @property
    def table(self) -> Path:
        return self.warehouse / "item_knowledge"

    def start(self) -> None:
        command = [sys.executable, "-m", "jobs.streaming.merge", "--warehouse", str(self.warehouse)]
        command += ["--kafka", self.servers, "--port", str(self.port), *self.words]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "JDK_JAVA_OPTIONS": QUICK_JVM}
        self.warehouse.mkdir(exist_ok=True)
        with (self.warehouse / "merge.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ready(self) -> None:
        self.wait(lambda: bool(found := self.told()) and not found.get("problem"), "ready")

    def told(self) -> Mapping[str, object]:
        return look(f"http://127.0.0.1:{self.port}") or {}

    def wait(self, reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not reached():
            log = self.warehouse / "merge.log"
            assert self.process is not None
            assert self.process.poll() is None, f"the merge ended\n{log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, (
                f"not {what} in time: {self.told()}\n{log.read_text()[-3000:]}"
            )
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(60)

    def end(self) -> int:
        """SIGTERM to the driver, as a supervisor does; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(120)


def written(table: Path) -> int:
    """Completed writes; only names of files are looked at, for the table may be in the making."""
    return len(list((table / ".hoodie" / "timeline").glob("*_*.deltacommit")))


def table_state(table: Path) -> dict[tuple[str, str], KnowledgeRow]:
    if not is_table(table):
        return {}
    batches = list(read_slices(table, file_slices(table)))
    found = arrow_to_records(pa.Table.from_batches(batches), KnowledgeRow)
    return {(row.item_id, row.attr_id): row for row in found}


def changes_in(servers: str) -> list[Change]:
    return [
        parse_record(Change, orjson.loads(one.value or b"")) for one in consume(servers, CHANGES, idle_s=3)
    ]
