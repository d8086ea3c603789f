"""A message on item-batches starts the daily DAG: what the triggerer makes of it, without and with a real broker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from infra.airflow import AirflowHome
from infra.airflow_kafka import GROUP, KAFKA_CONNECTION, check_notices, kafka_connection, notice_of, runs_of

TOPIC = "item-batches"
PATIENCE_S = 240
BATCH = {"day": "2026-11-01", "listings": "/in/1", "ontology": "shoes"}


class Message:
    """A message as confluent_kafka hands it over."""

    def __init__(self, value, offset=7):
        self._value, self._offset = value, offset

    def topic(self):
        return TOPIC

    def partition(self):
        return 0

    def offset(self):
        return self._offset

    def value(self):
        return self._value


class Event:
    """An asset event as a task gets it."""

    def __init__(self, payload):
        self.extra = {"from_trigger": True, "payload": payload}


@pytest.fixture(scope="module")
def dag(bag):
    return bag.dags["run_item_batches"]


def test_the_dag_waits_for_the_topic_by_a_watcher(dag):
    (asset,) = dag.schedule
    assert asset.name == TOPIC
    (watcher,) = asset.watchers
    name, settings = watcher.trigger.serialize()
    assert name == "airflow.providers.apache.kafka.triggers.await_message.AwaitMessageTrigger"
    assert (settings["topics"], settings["kafka_config_id"]) == ([TOPIC], KAFKA_CONNECTION)
    assert settings["apply_function"] == "infra.airflow_kafka.notice_of"
    assert (dag.max_active_runs, dag.is_paused_upon_creation) == (1, True)


def test_it_starts_the_daily_dag_once_a_message(dag):
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == {
        "check": set(),
        "batches": {"run"},
        "run": set(),
    }
    run = dag.get_task("run")
    assert run.partial_kwargs["trigger_dag_id"] == "daily_item_knowledge"
    assert run.partial_kwargs["skip_when_already_exists"] is True


def test_what_it_hands_over_are_parameters_of_the_daily_dag(bag):
    (run,) = runs_of([Event(notice_of(Message(json.dumps(BATCH).encode())))])
    assert run == {"trigger_run_id": "batch__item-batches-0-7", "conf": BATCH}
    params = bag.dags["daily_item_knowledge"].params
    assert set(run["conf"]) <= set(params)
    for name, value in run["conf"].items():
        assert params.get_param(name).resolve(value) == value
    with pytest.raises(Exception, match=r"not a 'date'|does not match|Invalid"):
        params.get_param("day").resolve("2026-13-77")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (b"{", "no JSON"),
        (None, "object"),
        (b"[" * 100_000, "no JSON"),
        (b'{"listings": "/in"}', "day"),
        (b'{"day": "today"}', "day: .*not an existing day"),
        (b'{"day": "2026-13-01"}', "day: .*not an existing day"),
        (b'{"day": "2026-11-01, please"}', "day"),
        (b'{"day": "2026-11-01", "listings": 7}', "listings"),
    ],
)
def test_a_broken_message_starts_nothing_and_is_told_while_sound_ones_run(value, fault):
    broken = Event(notice_of(Message(value, 8)))
    sound = Event(notice_of(Message(json.dumps(BATCH).encode())))
    assert [run["conf"] for run in runs_of([broken, sound])] == [BATCH]
    check_notices([sound])
    with pytest.raises(ValueError, match=rf"item-batches-0-8: .*{fault}"):
        check_notices([broken, sound])


def test_the_connection_leads_to_the_stacks_broker():
    env = AirflowHome(Path("/airflow")).environment({"AIIC_KAFKA_PORT": "20000"})
    found = json.loads(env["AIRFLOW_CONN_KAFKA_DEFAULT"])
    assert found["conn_type"] == "kafka"
    assert found["extra"]["bootstrap.servers"] == "127.0.0.1:20000"
    assert found["extra"]["group.id"] == GROUP
    assert int(found["extra"]["reconnect.backoff.max.ms"]) >= 10_000


def test_the_trigger_tells_messages_of_a_real_broker_each_once(dag, broker, monkeypatch):
    from confluent_kafka import Producer

    broker.aiic("topics", "apply")
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", kafka_connection(broker.servers))
    (watcher,) = dag.schedule[0].watchers
    producer = Producer({"bootstrap.servers": broker.servers})
    other = BATCH | {"day": "2026-11-02"}
    for one in (BATCH, other):
        producer.produce(TOPIC, key=one["day"], value=json.dumps(one))
    assert producer.flush(60) == 0

    async def next_event():
        """As the triggerer does it: a trigger ends with its event, and is started again."""
        _, settings = watcher.trigger.serialize()
        trigger = type(watcher.trigger.trigger)(**settings)
        try:
            async for event in trigger.run():
                return event.payload
        finally:
            await trigger.cleanup()

    found = [asyncio.run(asyncio.wait_for(next_event(), PATIENCE_S)) for _ in range(2)]
    assert [one["batch"] for one in found] == [BATCH, other]
    assert [one["place"] for one in found] == ["item-batches-0-0", "item-batches-0-1"]
