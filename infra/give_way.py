"""How far a process gives way to others where cores are short: by niceness, and by that of its session where Linux shares by it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def give_way(niceness: int) -> None:
    """Let this process, its whole process group and session give way from now on. Units: niceness, 0 to 19.

    A process group that gave way more before stays as it is: only who may do anything could take that back. Where the system
    allows none of it, nothing changes.
    """
    if niceness <= os.getpriority(os.PRIO_PGRP, 0):
        return
    # A member that gives way more already may not be brought back; sessions are not told apart everywhere.
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PGRP, 0, niceness)
    with suppress(OSError):
        AUTOGROUP.write_text(str(niceness), encoding="ascii")
