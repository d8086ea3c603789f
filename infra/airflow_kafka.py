"""What Airflow makes of messages of `item-batches`: imported by its triggerer, and by the DAG that they start."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.batch_notice import BatchNotice
from schemas.parse import BadRecord, parse_record

KAFKA_CONNECTION = "kafka_default"
GROUP = "airflow-item-batches"
TOLD = 300


def kafka_connection(servers: str) -> str:
    """The Kafka connection as Airflow reads it from the environment.

    Without the pauses a broker that is away would be asked, and the log filled, several times a second.
    """
    settings = {
        "bootstrap.servers": servers,
        "group.id": GROUP,
        "enable.auto.commit": "false",
        "auto.offset.reset": "earliest",
        "reconnect.backoff.ms": "1000",
        "reconnect.backoff.max.ms": "30000",
    }
    return json.dumps({"conn_type": "kafka", "extra": settings})


def notice_of(message: Any) -> dict[str, Any]:
    """A message of the topic (as confluent_kafka has it) as what an asset event carries.

    One that breaks its contract is carried on, too, with its `fault`: the run that it starts fails and says so.
    """
    place = f"{message.topic()}-{message.partition()}-{message.offset()}"
    try:
        notice = parse_record(BatchNotice, json.loads(message.value() or b"null"))
    except BadRecord as error:
        return {"place": place, "fault": f"{error.field}: {error.detail}"[:TOLD]}
    except (ValueError, RecursionError) as error:  # the latter of lists in lists in lists
        return {"place": place, "fault": f"no JSON: {error}"[:TOLD]}
    return {
        "place": place,
        "batch": {"day": notice.day, "listings": notice.listings, "ontology": notice.ontology},
    }


def runs_of(asset_events: Iterable[Any]) -> list[dict[str, Any]]:
    """The runs of the daily DAG that sound messages ask for: run id and settings.

    The id is the message's place: one message starts one run, however often it is told.
    """
    return [
        {"trigger_run_id": f"batch__{one['place']}", "conf": dict(one["batch"])}
        for one in map(_payload, asset_events)
        if "batch" in one
    ]


def check_notices(asset_events: Iterable[Any]) -> None:
    """Errors: ValueError naming the messages that broke their contract. The sound ones among them run all the same."""
    payloads = map(_payload, asset_events)
    faults = [f"{one['place']}: {one['fault']}" for one in payloads if "fault" in one]
    if faults:
        raise ValueError("messages of item-batches that break their contract: " + "; ".join(faults))


def _payload(event: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = event.extra["payload"]
    return found
