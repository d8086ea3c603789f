"""Topics on a real broker: made as planned, and compared with the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from infra.kafka import KafkaUnavailable, Topic, ensure_topics, wait_ready
from schemas.topics import TopicPlan

TIMEOUT_S = 30.0


def apply_topics(servers: str, plans: Sequence[TopicPlan], replicas: int = 1) -> list[str]:
    """Create what is missing and correct settings that differ; returns what was done, one line each.

    Errors: KafkaUnavailable; TopicMismatch for another number of partitions, which would move keys.
    """
    topics = [Topic(plan.name, plan.partitions, replicas, plan.kafka_settings()) for plan in plans]
    done = [f"{name}: created" for name in ensure_topics(servers, topics)]
    wrong = {plan.name: plan for plan in plans if _differing(plan, _settings(servers, [plan])[plan.name])}
    if wrong:
        with closing(_admin(servers)) as admin:
            admin.alter_configs(
                [
                    ConfigResource(ConfigResourceType.TOPIC, name, configs=plan.kafka_settings())
                    for name, plan in wrong.items()
                ]
            )
        done += [f"{name}: settings corrected" for name in wrong]
    return done


def check_topics(servers: str, plans: Sequence[TopicPlan]) -> list[str]:
    """What of the topics is not as planned, one line each; [] when all is. Errors: KafkaUnavailable."""
    wait_ready(servers, TIMEOUT_S)
    with closing(_admin(servers)) as admin:
        found = {entry["name"]: len(entry["partitions"]) for entry in admin.describe_topics()}
    faults = [f"{plan.name}: missing" for plan in plans if plan.name not in found]
    present = [plan for plan in plans if plan.name in found]
    faults += [
        f"{plan.name}: {found[plan.name]} partitions, planned {plan.partitions}"
        for plan in present
        if found[plan.name] != plan.partitions
    ]
    settings = _settings(servers, present)
    for plan in present:
        faults += [f"{plan.name}: {difference}" for difference in _differing(plan, settings[plan.name])]
    return faults


def _differing(plan: TopicPlan, found: Mapping[str, str]) -> list[str]:
    return [
        f"{name} is {found.get(name)}, planned {value}"
        for name, value in plan.kafka_settings().items()
        if found.get(name) != value
    ]


def _settings(servers: str, plans: Sequence[TopicPlan]) -> dict[str, dict[str, str]]:
    """The settings of each topic that differ from the broker's own. Errors: KafkaUnavailable."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, plan.name) for plan in plans]
    try:
        with closing(_admin(servers)) as admin:
            found = admin.describe_configs(resources)["topic"] if plans else {}
    except KafkaError as error:
        raise KafkaUnavailable(f"cannot read the topics' settings at {servers}: {error!r}") from error
    return {
        topic: {name: str(setting["value"]) for name, setting in settings.items()}
        for topic, settings in found.items()
    }


def _admin(servers: str) -> Any:
    timeout_ms = int(TIMEOUT_S * 1000)
    return KafkaAdminClient(
        bootstrap_servers=servers, bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
    )
