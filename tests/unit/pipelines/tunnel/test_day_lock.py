"""One run of a day at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.batch.daily_item_knowledge import main
from pipelines.tunnel.day_lock import DayBusy, day_lock
from pipelines.tunnel.plan_folder import day_folder, noted_error

DAY = "2026-11-01"
HOLD = """
import sys, time
from pathlib import Path
from pipelines.tunnel.day_lock import day_lock
with day_lock(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the day."""
    words = [sys.executable, "-c", HOLD, str(tmp_path), DAY]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_of_a_day_is_refused_and_told_who_is_at_it(other, tmp_path):
    told = rf"day {DAY} is being worked on by process {other.pid}, since 20"
    with pytest.raises(DayBusy, match=told), day_lock(tmp_path, DAY, wait_s=0):
        pytest.fail("two at once")
    with day_lock(tmp_path, "2026-11-02", wait_s=0):
        pass


def test_the_job_is_refused_and_touches_nothing(other, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("jobs.batch.daily_item_knowledge.day_lock", lambda w, d: day_lock(w, d, wait_s=0))
    words = ["plan", "--day", DAY, "--warehouse", str(tmp_path), "--ontology", "shoes"]
    assert main(words) == 1
    assert f"process {other.pid}" in capsys.readouterr().err
    assert not day_folder(tmp_path, DAY).exists()


def test_a_killed_holder_frees_the_day(other, tmp_path):
    waits: list[float] = []

    def kill_first(seconds: float) -> None:
        waits.append(seconds)
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

    with day_lock(tmp_path, DAY, sleep=kill_first):
        assert len(waits) == 1
    with day_lock(tmp_path, DAY, wait_s=0):
        assert noted_error(day_folder(tmp_path, DAY)) is None


def test_a_warehouse_that_is_a_file_is_an_os_error(tmp_path):
    (tmp_path / "w").write_text("")
    with pytest.raises(OSError, match="w"), day_lock(Path(tmp_path / "w"), DAY):
        pass
