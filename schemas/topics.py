"""Every Kafka topic of the suite: contract, owner, partitions, retention, size limit, dead letters (paper section 6; T6, T7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.batch_notice import BatchNotice
from schemas.change import Change
from schemas.contract import Contract, contract_of
from schemas.dead_letter import DeadLetter
from schemas.event import ItemEvent
from schemas.results import KnowledgeResults

ITEM_EVENTS = "item-events"
DEFERRED_EVENTS = "item-events.deferred"
RESULTS = "item-knowledge.results"
CHANGES = "item-knowledge.changes"
BATCHES = "item-batches"
DEAD_SUFFIX = ".dead"

ITEM_PARTITIONS = 4
"""Of all topics keyed by item: the same number, so that one item has one place everywhere."""
MIB = 1 << 20
LARGEST_REFUSED_BYTES = 16 * MIB
"""What the broker lets in, far above what a contract allows: a message too long becomes a dead letter, not a lost one."""
UNZIPPED = {"compression.type": "uncompressed"}
"""The broker unzips what producers zip, so that `max.message.bytes` bounds what readers get: zipped, a message of a few KB may
hold gigabytes, and a reader has to make room for it before it can look. Readers need no codec of a producer's, either.
"""


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """One topic as it should be. `retention_days` None: for ever. `settings`: further settings by Kafka's names."""

    name: str
    contract: Contract
    owner: str
    partitions: int
    retention_days: int | None
    cleanup: str = "delete"
    max_message_bytes: int = 8 * MIB
    dead_letter: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def compatibility(self) -> str:
        """How its contract may change."""
        return self.contract.compatibility

    def kafka_settings(self) -> dict[str, str]:
        """All settings as Kafka names and writes them."""
        retention_ms = -1 if self.retention_days is None else self.retention_days * 86_400_000
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(retention_ms),
            "max.message.bytes": str(self.max_message_bytes),
            **UNZIPPED,
            **self.settings,
        }


_EVENTS, _RESULTS, _CHANGES, _DEAD = map(contract_of, (ItemEvent, KnowledgeResults, Change, DeadLetter))
_BATCHES = contract_of(BatchNotice)
# The broker's own clock decides what lies in the future, so that reading again decides the same.
_STAMPED = {"message.timestamp.type": "LogAppendTime"}

TOPICS: tuple[TopicPlan, ...] = (
    TopicPlan(
        ITEM_EVENTS, _EVENTS, "catalog", ITEM_PARTITIONS, _EVENTS.retention_days,
        max_message_bytes=LARGEST_REFUSED_BYTES, dead_letter=ITEM_EVENTS + DEAD_SUFFIX, settings=_STAMPED,
    ),
    TopicPlan(
        DEFERRED_EVENTS, _EVENTS, "real-time job", ITEM_PARTITIONS, _EVENTS.retention_days,
        max_message_bytes=LARGEST_REFUSED_BYTES, dead_letter=ITEM_EVENTS + DEAD_SUFFIX, settings=_STAMPED,
    ),
    TopicPlan(
        RESULTS, _RESULTS, "stream jobs, batch jobs", ITEM_PARTITIONS, _RESULTS.retention_days,
        max_message_bytes=LARGEST_REFUSED_BYTES, dead_letter=RESULTS + DEAD_SUFFIX, settings=_STAMPED,
    ),
    TopicPlan(CHANGES, _CHANGES, "merge", ITEM_PARTITIONS, _CHANGES.retention_days, settings=_STAMPED),
    TopicPlan(BATCHES, _BATCHES, "catalog", 1, _BATCHES.retention_days),
    TopicPlan(ITEM_EVENTS + DEAD_SUFFIX, _DEAD, "stream jobs", 1, _DEAD.retention_days),
    TopicPlan(RESULTS + DEAD_SUFFIX, _DEAD, "merge", 1, _DEAD.retention_days),
)  # fmt: skip


def topic_plan(name: str) -> TopicPlan:
    """The plan of one topic. Errors: KeyError."""
    for plan in TOPICS:
        if plan.name == name:
            return plan
    raise KeyError(f"no topic {name}: one of {', '.join(plan.name for plan in TOPICS)}")
