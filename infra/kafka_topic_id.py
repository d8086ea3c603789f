"""The identity of a Kafka topic, which a topic that was deleted and made anew does not share."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.kafka import KafkaUnavailable


class TopicMissing(LookupError):
    """A topic is not there. The message says what to do."""


def topic_id(servers: str, topic: str, timeout_s: float = 30.0) -> str:
    """The id that the broker gave to a topic. Errors: KafkaUnavailable, TopicMissing."""
    return topic_ids(servers, [topic], timeout_s)[topic]


def topic_ids(servers: str, topics: Iterable[str], timeout_s: float = 30.0) -> dict[str, str]:
    """The ids of topics. Errors: KafkaUnavailable, TopicMissing."""
    timeout_ms = int(timeout_s * 1000)
    try:
        with closing(
            KafkaAdminClient(
                bootstrap_servers=servers, bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
            )
        ) as admin:
            found = {entry["name"]: entry["topic_id"] for entry in admin.describe_topics()}
    except (OSError, KafkaError) as error:
        raise KafkaUnavailable(f"no Kafka broker at {servers}: {error!r}") from error
    wanted = list(topics)
    for topic in wanted:
        if topic not in found:
            raise TopicMissing(f"there is no topic {topic} at {servers}: run `./aiic topics apply`")
    return {topic: str(found[topic]).replace("/", "_") for topic in wanted}
