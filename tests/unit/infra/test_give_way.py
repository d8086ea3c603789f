"""A group of processes that gives way, threads included, once it is told to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, pathlib, subprocess, sys, threading, time
from infra.give_way import give_way
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
for asked in (0, 7, 3):
    give_way(asked)
    tasks = [int(one) for pid in (os.getpid(), child.pid) for one in os.listdir(f"/proc/{pid}/task")]
    print(sorted({os.getpriority(os.PRIO_PROCESS, one) for one in tasks}))
print(pathlib.Path("/proc/self/autogroup").read_text() if os.path.exists("/proc/self/autogroup") else "nice 7")
child.kill()
"""


def test_threads_and_children_give_way_and_never_less_than_before():
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    lines = done.stdout.splitlines()
    assert lines[:3] == ["[0]", "[7]", "[7]"], done.stderr
    assert lines[3].endswith("nice 7")
