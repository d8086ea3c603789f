"""Every contract of the suite, in the order of the docs."""

from __future__ import annotations

from schemas.batch_notice import BatchNotice
from schemas.change import Change
from schemas.contract import Contract, contract_of
from schemas.dead_letter import DeadLetter
from schemas.event import ItemEvent
from schemas.gold import GoldPair
from schemas.item import Item
from schemas.knowledge import KnowledgeRow
from schemas.listing import Listing
from schemas.ontology import AttributeKey, AttributeValue, Category, ScenarioTag
from schemas.report import RunReport
from schemas.results import KnowledgeResults
from schemas.shard import Reject, ShardEntry, ShardItem

CONTRACTS: tuple[Contract, ...] = tuple(
    contract_of(record)
    for record in (
        Listing,
        Item,
        Category,
        AttributeKey,
        AttributeValue,
        ScenarioTag,
        KnowledgeRow,
        ItemEvent,
        KnowledgeResults,
        Change,
        ShardItem,
        ShardEntry,
        Reject,
        RunReport,
        DeadLetter,
        BatchNotice,
        GoldPair,
    )
)
