"""Topics as planned: contracts, dead letters, one place for one item."""

from __future__ import annotations

import pytest

from schemas.all import CONTRACTS
from schemas.dead_letter import MAX_RAW_BYTES, DeadLetter, raw_of
from schemas.derive import breaking_changes, json_schema, parse_record
from schemas.event import ItemEvent
from schemas.results import KnowledgeResults, fault_of, key_of
from schemas.topics import CHANGES, DEFERRED_EVENTS, ITEM_EVENTS, MIB, RESULTS, TOPICS, topic_plan


def test_every_topic_has_a_registered_contract_and_an_owner():
    assert [plan.name for plan in TOPICS if plan.contract not in CONTRACTS or not plan.owner] == []
    assert {plan.compatibility for plan in TOPICS} == {"backward"}
    assert len({plan.name for plan in TOPICS}) == len(TOPICS)


def test_dead_letters_go_to_topics_that_exist_as_the_contract_says():
    for plan in TOPICS:
        if plan.dead_letter is not None:
            assert topic_plan(plan.dead_letter).contract.record is DeadLetter
            assert plan.dead_letter == plan.contract.dead_letter
    assert {plan.name for plan in TOPICS if plan.dead_letter} == {ITEM_EVENTS, DEFERRED_EVENTS, RESULTS}


def test_topics_keyed_by_item_have_one_number_of_partitions():
    keyed = (ITEM_EVENTS, DEFERRED_EVENTS, RESULTS, CHANGES)
    assert {topic_plan(name).partitions for name in keyed} == {4}
    assert {topic_plan(name).contract.key for name in keyed} == {("item_id",)}


def test_settings_are_kafkas():
    assert topic_plan(ITEM_EVENTS).kafka_settings() == {
        "cleanup.policy": "delete",
        "retention.ms": str(7 * 24 * 3600 * 1000),
        "max.message.bytes": str(16 * MIB),
        "compression.type": "uncompressed",
        "message.timestamp.type": "LogAppendTime",
    }
    # What lies in the future is decided by the broker's clock, and a message too long becomes a dead letter, here, too.
    results = topic_plan(RESULTS).kafka_settings()
    assert (results["message.timestamp.type"], results["max.message.bytes"]) == (
        "LogAppendTime",
        str(16 * MIB),
    )
    # A limit of zipped bytes bounds nothing: in every topic they are counted unzipped.
    assert {plan.kafka_settings()["compression.type"] for plan in TOPICS} == {"uncompressed"}
    with pytest.raises(KeyError, match="no topic items"):
        topic_plan("items")


def test_a_change_that_breaks_the_writers_of_events_is_seen():
    old = json_schema(ItemEvent)
    stricter = old | {"required": [*old["required"], "source"]}
    assert breaking_changes(old, stricter) == ["source: is now required"]
    without = old | {"properties": {k: v for k, v in old["properties"].items() if k != "event_time"}}
    assert breaking_changes(old, without) == ["event_time: required field removed"]


def results(**changes):
    return parse_record(KnowledgeResults, KnowledgeResults.CONTRACT.valid.value | changes)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"rows": [], "item_id": "", "files": ["results/0.parquet"]}, None),
        ({"files": ["results/0.parquet"]}, "files and rows in one message"),
        ({"rows": []}, "no rows"),
        ({"item_id": "", "rows": []}, "neither an item nor files"),
        ({"item_id": "sku-2"}, "rows of another item: sku-1"),
    ],
)
def test_a_message_of_results_holds_rows_of_one_item_or_files(changes, fault):
    assert fault_of(results(**changes)) == fault


def test_the_key_of_results_is_the_item_or_the_run():
    assert key_of(results()) == "sku-1"
    assert key_of(results(rows=[], item_id="", files=["f"], run_id="2026-11-01-p")) == "2026-11-01-p"


def test_a_dead_letter_of_a_huge_message_keeps_its_beginning():
    letter = DeadLetter.CONTRACT.valid.value | {"raw": raw_of(b"x" * 10_000_000), "raw_bytes": 10_000_000}
    found = parse_record(DeadLetter, letter)
    assert len(found.raw) == (MAX_RAW_BYTES + 2) // 3 * 4
    assert raw_of(None) == ""
