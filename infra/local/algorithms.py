"""Where the algorithm service of this machine is. It is started by hand, as it needs models: `aiic serve algorithms`."""

from __future__ import annotations

import os
from collections.abc import Mapping

PORT_VARIABLE = "AIIC_ALGORITHMS_PORT"
DEFAULT_PORT = 18201


def algorithms_port(env: Mapping[str, str] = os.environ) -> int:
    """Its port unless told otherwise: another than the lookup service's, so that both run beside each other."""
    return int(env.get(PORT_VARIABLE) or DEFAULT_PORT)
