"""Settings of the job `daily_item_knowledge`, and what its plan is made of. Every default is stated here, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from pipelines.library.recogniser import Recogniser, RecogniserConfig
from pipelines.reduction.config import OFF
from pipelines.reduction.ledger import MACHINE_HOUR
from pipelines.tunnel.offline import ShardConfig
from pipelines.tunnel.plan import ROWS_PER_SHARD, PlanInputs, plan_id_of
from udfs.prompts import PROMPT_VERSION


@dataclass(frozen=True, slots=True)
class DailyConfig:
    """One run of the offline tier over the listings of a day. `machine_hour`: its price, for the report alone."""

    day: str
    warehouse: Path
    listings: tuple[Path, ...] = ()
    limit: int = 0
    rows_per_shard: int = ROWS_PER_SHARD
    shard: ShardConfig = field(default_factory=ShardConfig)
    machine_hour: float = MACHINE_HOUR

    @property
    def incoming(self) -> tuple[Path, ...]:
        """Where the day's listings are: those named, else the day's folder of the warehouse."""
        return self.listings or (self.warehouse / "incoming" / self.day,)

    @property
    def generations(self) -> Path:
        """The counter that all plans of the warehouse share."""
        return generations_file(self.warehouse)


def generations_file(warehouse: Path) -> Path:
    """The counter of generations of a warehouse, shared by all tiers."""
    return warehouse / "generations.json"


def day_start_ms(day: str) -> int:
    """The first moment of a day, UTC: the event time of listings that state none, the same in every run of the day.

    Errors: ValueError for text that is no day, and for a day in another form, which would be another folder.

    >>> day_start_ms("2026-11-01")
    1793491200000
    """
    try:
        found = date.fromisoformat(day)
    except ValueError:
        found = None
    if found is None or found.isoformat() != day:
        raise ValueError(f"{day!r} is no day: give YYYY-MM-DD, e.g. 2026-11-01")
    moment = datetime.combine(found, datetime.min.time(), UTC)
    return int(moment.timestamp() * 1000)


def inputs_of(
    config: DailyConfig, listings_digest: str, recogniser: Recogniser, asked: RecogniserConfig
) -> PlanInputs:
    """What the day's results depend on; addresses and timeouts are not part of it.

    What load is taken off is: a run with another `reduce` has a plan of its own. So is the size of a call then, inside which
    items answer for each other.
    """
    reduced: dict[str, str | int] = {"reduce": asked.reduce.told, "call_rows": config.shard.chunk_rows}
    return PlanInputs(
        day=config.day,
        listings_digest=listings_digest,
        ontology_version=recogniser.ontology_version,
        model=recogniser.model,
        recognition={
            "discriminator": asked.discriminator,
            "top_k": asked.top_k,
            "keys_per_request": asked.keys_per_request,
            "prompt": PROMPT_VERSION,
            **(reduced if asked.reduce.told != OFF else {}),
        },
        rows_per_shard=config.rows_per_shard,
    )


def run_id_of(inputs: PlanInputs) -> str:
    """Name of the run: the day and the plan, so that a repeated run has the same."""
    return f"{inputs.day}-{plan_id_of(inputs)}"
