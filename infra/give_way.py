"""How far a process gives way to others where cores are short: by niceness, and by that of its session where Linux shares by it."""

from __future__ import annotations

import os
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def give_way(niceness: int) -> None:
    """Let this process, its whole process group and session give way from now on. Units: niceness, 0 to 19.

    A process group that gave way more before stays as it is: only who may do anything could take that back.
    """
    if niceness <= os.getpriority(os.PRIO_PGRP, 0):
        return
    os.setpriority(os.PRIO_PGRP, 0, niceness)
    try:
        AUTOGROUP.write_text(str(niceness), encoding="ascii")
    except OSError:
        return  # sessions are not told apart here: niceness alone counts
