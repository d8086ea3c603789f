"""Flink job of the nearline tier: `flink run -py jobs/nearline/item_knowledge.py --config JSON`; see `aiic stream`."""

from __future__ import annotations

from jobs.nearline.operators import NearlineState
from jobs.nearline.topology import read_config, run_job
from pipelines.tunnel.nearline import TIER
from schemas.topics import DEFERRED_EVENTS, ITEM_EVENTS

if __name__ == "__main__":
    given = read_config(__doc__ or "")
    run_job(given, TIER, (ITEM_EVENTS, DEFERRED_EVENTS), NearlineState(given), give_up_s=None)
