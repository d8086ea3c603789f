"""Watching a run: whoever ends the watcher ends the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

WATCH = """
import signal, subprocess, sys
from pathlib import Path
from jobs.run_watch import watch
signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts the tests in the background ignores it
job = subprocess.Popen(["sleep", "600"], start_new_session=True)
print(job.pid, flush=True)
watch(job, Path(sys.argv[1]), "2026-11-01")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_watcher_that_is_ended_ends_its_job(number, tmp_path):
    words = [sys.executable, "-c", WATCH, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        assert watcher.stderr is not None
        job = int(watcher.stdout.readline())
        assert watcher.stderr.readline().startswith("plan")  # it watches
        watcher.send_signal(number)
        assert "KeyboardInterrupt" in watcher.stderr.read()
    with pytest.raises(ProcessLookupError):
        os.kill(job, 0)
