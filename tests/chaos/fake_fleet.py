"""A fake inference server in a process of its own, so that it can be killed: `python -m tests.chaos.fake_fleet LOG`.

Prints its address. Each request takes AIIC_FAKE_DELAY_S, and its texts are appended to LOG, one JSON line a request.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from infra.fake_vllm import FakeVllm


class SlowVllm(FakeVllm):
    """A fake server that takes its time and keeps a record on disk of what it was asked."""

    def __init__(self, log: Path, delay_s: float) -> None:
        # The released scorer refuses vectors that are not of its encoder's name and size.
        super().__init__(encoder="all-minilm-l6-v2", dimensions=384)
        self._log = log
        self._delay_s = delay_s

    async def _received(self, request: web.Request) -> dict[str, Any]:
        body = await super()._received(request)
        with self._log.open("a") as log:
            log.write(json.dumps({"path": request.path, "input": body.get("input")}) + "\n")
        await asyncio.sleep(self._delay_s)
        return body


async def main(log: Path) -> None:
    async with SlowVllm(log, float(os.environ.get("AIIC_FAKE_DELAY_S", "0"))) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
