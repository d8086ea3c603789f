"""The identity of a Kafka topic, which a topic that was deleted and made anew does not share."""

from __future__ import annotations

from contextlib import closing

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from infra.kafka import KafkaUnavailable
from infra.kafka_log import TopicMissing


def topic_id(servers: str, topic: str, timeout_s: float = 30.0) -> str:
    """The id that the broker gave to a topic. Errors: KafkaUnavailable, TopicMissing."""
    timeout_ms = int(timeout_s * 1000)
    try:
        with closing(
            KafkaAdminClient(
                bootstrap_servers=servers, bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
            )
        ) as admin:
            found = [entry for entry in admin.describe_topics() if entry["name"] == topic]
    except (OSError, KafkaError) as error:
        raise KafkaUnavailable(f"no Kafka broker at {servers}: {error!r}") from error
    if not found:
        raise TopicMissing(f"there is no topic {topic} at {servers}: run `./aiic topics apply`")
    return str(found[0]["topic_id"]).replace("/", "_")
