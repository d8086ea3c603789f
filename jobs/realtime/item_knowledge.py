"""Flink job of the real-time tier: `flink run -py jobs/realtime/item_knowledge.py --config JSON`; see `aiic stream`."""

from __future__ import annotations

from jobs.nearline.operators import RealtimeState
from jobs.nearline.topology import read_config, run_job
from pipelines.tunnel.realtime import TIER
from schemas.topics import ITEM_EVENTS

AT_ONCE_S = 1.5

if __name__ == "__main__":
    given = read_config(__doc__ or "")
    run_job(given, TIER, (ITEM_EVENTS,), RealtimeState(given), give_up_s=given.give_up_s, at_once_s=AT_ONCE_S)
