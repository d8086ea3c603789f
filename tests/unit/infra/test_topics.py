"""Topics that are not as planned are told in words: what is wrong, and what that means."""

from __future__ import annotations

from infra.topics import MEANING, REMEDY, differing
from schemas.topics import RESULTS, TOPICS, topic_plan


def test_a_topic_of_an_earlier_version_is_told_setting_by_setting() -> None:
    earlier = {"cleanup.policy": "delete", "retention.ms": "604800000", "max.message.bytes": "8388608"}
    assert differing(topic_plan(RESULTS), earlier) == [
        f"max.message.bytes is 8388608, planned 16777216 ({MEANING['max.message.bytes']})",
        f"compression.type is not set, planned uncompressed ({MEANING['compression.type']})",
        f"message.timestamp.type is not set, planned LogAppendTime ({MEANING['message.timestamp.type']})",
    ]


def test_a_topic_as_planned_is_not_told_whatever_else_is_set_on_it() -> None:
    for plan in TOPICS:
        assert differing(plan, plan.kafka_settings() | {"segment.bytes": "1"}) == []


def test_every_meaning_is_of_a_setting_that_is_planned_and_the_remedy_is_a_command() -> None:
    assert set(MEANING) <= {name for plan in TOPICS for name in plan.kafka_settings()}
    assert "`./aiic topics apply`" in REMEDY
