"""Settings of the stream jobs, given as one JSON text so that a cluster's worker reads what the submitter said."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from schemas.event import STAR


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """What one stream job needs to know. Units in names.

    `checkpoints`: address of the folder of the job's checkpoints, e.g. file:///data/flink/nearline/checkpoints.
    `ontology`: a released ontology's name, or a release folder. `batch_items`: at most so many items a call of the recogniser,
    gathered for at most `linger_ms`. `capacity`: items under way at once; when it is full the source is held back.
    `priorities`: importance classes of the real-time tier. `give_up_s`: how long that tier tries before nearline takes over.
    """

    servers: str
    warehouse: str
    ontology: str
    checkpoints: str
    window_ms: int = 60_000
    priorities: tuple[str, ...] = (STAR,)
    give_up_s: float = 60.0
    discriminator: str = "cascade"
    batch_items: int = 16
    linger_ms: int = 30
    capacity: int = 64
    parallelism: int = 1
    checkpoint_ms: int = 10_000
    environment: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def of_json(cls, text: str) -> StreamConfig:
        """Read it back. Errors: ValueError for unknown or missing settings."""
        given: dict[str, Any] = json.loads(text)
        unknown = set(given) - {found.name for found in fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings of a stream job: {', '.join(sorted(unknown))}")
        try:
            return cls(**{**given, "priorities": tuple(given.get("priorities", (STAR,)))})
        except TypeError as error:
            raise ValueError(f"settings of a stream job: {error}") from error


def job_name(tier: str) -> str:
    """The name of a tier's job in the cluster, and of its group in Kafka."""
    return f"aiic-{tier}-item-knowledge"
