"""Ports for servers that start later: from below those that the system hands out itself, so that no client takes one meanwhile."""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 20_000, 32_000
"""Linux gives clients ports from 32768 on."""


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback that nobody listens on. Errors: OSError when there are too few."""
    found: list[int] = []
    for port in random.SystemRandom().sample(range(LOWEST, HIGHEST), HIGHEST - LOWEST):
        if len(found) == count:
            return found
        try:
            with socket.create_server(("127.0.0.1", port)):
                found.append(port)
        except OSError:
            continue
    raise OSError(f"fewer than {count} free ports between {LOWEST} and {HIGHEST}")
