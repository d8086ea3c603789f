"""Topics on a real broker: made as planned, and compared with the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from infra.kafka import KafkaUnavailable, Topic, TopicMismatch, ensure_topics, wait_ready
from schemas.topics import TopicPlan

TIMEOUT_S = 30.0
MEANING = {
    "compression.type": "a small zipped message may fill the memory of its readers",
    "message.timestamp.type": "producers' clocks decide what lies in the future",
    "max.message.bytes": "longer messages are refused, and nobody makes dead letters of them",
}
"""What it means for the tunnel where a setting is another than planned."""
REMEDY = "`./aiic topics apply` corrects settings and makes missing topics; messages that are there stay as they are"


def apply_topics(servers: str, plans: Sequence[TopicPlan], replicas: int = 1) -> list[str]:
    """Create what is missing and correct settings that differ; returns what was done, one line each.

    Errors: KafkaUnavailable; TopicMismatch for another number of partitions, which would move keys, and where the broker
    refuses a setting.
    """
    topics = [Topic(plan.name, plan.partitions, replicas, plan.kafka_settings()) for plan in plans]
    done = [f"{name}: created" for name in ensure_topics(servers, topics)]
    return done + correct_topics(servers, plans)


def correct_topics(servers: str, plans: Sequence[TopicPlan]) -> list[str]:
    """Correct settings of topics that are there; returns what was done, one line each.

    Errors: KafkaUnavailable; TopicMismatch where the broker refuses a setting.
    """
    found = _partitions(servers)
    present = [plan for plan in plans if plan.name in found]
    settings = _settings(servers, present)
    wrong = {plan.name: plan for plan in present if differing(plan, settings[plan.name])}
    if not wrong:
        return []
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, configs=plan.kafka_settings())
        for name, plan in wrong.items()
    ]
    try:
        with closing(_admin(servers)) as admin:
            answers: Mapping[str, str] = admin.alter_configs(resources)["topic"]
    except (OSError, KafkaError) as error:
        raise KafkaUnavailable(f"cannot correct the topics' settings at {servers}: {error!r}") from error
    refused = [f"{name}: {answer}" for name, answer in answers.items() if answer != "OK"]
    if refused:
        raise TopicMismatch(f"the broker at {servers} refuses settings of {'; '.join(refused)}")
    return [f"{name}: settings corrected" for name in wrong]


def check_topics(servers: str, plans: Sequence[TopicPlan], missing: bool = True) -> list[str]:
    """What of the topics is not as planned, one line each; [] when all is. `missing`: topics that are not there, too.

    Errors: KafkaUnavailable.
    """
    wait_ready(servers, TIMEOUT_S)
    found = _partitions(servers)
    present = [plan for plan in plans if plan.name in found]
    faults = [f"{plan.name}: missing" for plan in plans if missing and plan.name not in found]
    faults += [
        f"{plan.name}: {found[plan.name]} partitions, planned {plan.partitions} (keys would move: make it anew)"
        for plan in present
        if found[plan.name] != plan.partitions
    ]
    settings = _settings(servers, present)
    for plan in present:
        faults += [f"{plan.name}: {difference}" for difference in differing(plan, settings[plan.name])]
    return faults


def differing(plan: TopicPlan, found: Mapping[str, str]) -> list[str]:
    """The settings of a topic that are not as planned, in words. `found`: those that were set on it."""
    return [
        f"{name} is {found.get(name, 'not set')}, planned {value}" + _meaning(name)
        for name, value in plan.kafka_settings().items()
        if found.get(name) != value
    ]


def _meaning(name: str) -> str:
    return f" ({MEANING[name]})" if name in MEANING else ""


def _partitions(servers: str) -> dict[str, int]:
    """The topics that are there, and how many partitions each has. Errors: KafkaUnavailable."""
    try:
        with closing(_admin(servers)) as admin:
            return {str(entry["name"]): len(entry["partitions"]) for entry in admin.describe_topics()}
    except (OSError, KafkaError) as error:
        raise KafkaUnavailable(f"cannot read the topics at {servers}: {error!r}") from error


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
