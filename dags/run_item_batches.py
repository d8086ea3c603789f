"""A message on `item-batches` starts the daily DAG: Airflow's triggerer waits for it at the broker (AssetWatcher)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Asset, AssetWatcher, task

from infra.airflow import BATCH_TOPIC, default_args
from infra.airflow_kafka import KAFKA_CONNECTION, check_notices, runs_of

DOC = """
### run_item_batches
Who has put a day's listings in place sends a message to `item-batches` (`schemas/published/item-batches.v1.json`, key: the day):

    {"day": "2026-11-01", "listings": "/data/listings/2026-11-01", "ontology": "demo"}

The triggerer reads it (connection `kafka_default`, group `airflow-item-batches`), and this DAG starts `daily_item_knowledge` with
it: that DAG's own pools and the table's lock keep its merge apart from other writers, and it runs one day at a time.

- **Turn on**: `./aiic topics apply`, then unpause; while it is paused nothing is read, and nothing is lost.
- **The same message twice** starts one run; the same day in two messages starts two, of which the second finds everything computed.
- **A message that breaks its contract** fails the task `check`, whose log names its place and what is wrong. Send it again, put right.
- **The triggerer killed** between reading a message and telling it: the message counts as read. `./aiic run --day DAY ...` does the
  same by hand.
"""

arrived = MessageQueueTrigger(
    scheme="kafka",
    topics=[BATCH_TOPIC],
    apply_function="infra.airflow_kafka.notice_of",
    kafka_config_id=KAFKA_CONNECTION,
    poll_timeout=1,
    poll_interval=1,
)

with DAG(
    dag_id="run_item_batches",
    schedule=[Asset(BATCH_TOPIC, watchers=[AssetWatcher(name=BATCH_TOPIC, trigger=arrived)])],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args=default_args(),
    tags=["item-center", "offline"],
    doc_md=DOC,
):

    @task(retries=0)
    def check(triggering_asset_events=None):
        """Fail where a message broke its contract."""
        check_notices(event for events in triggering_asset_events.values() for event in events)

    @task
    def batches(triggering_asset_events=None):
        """Run id and settings of each run to start."""
        return runs_of(event for events in triggering_asset_events.values() for event in events)

    check()
    TriggerDagRunOperator.partial(
        task_id="run",
        trigger_dag_id="daily_item_knowledge",
        skip_when_already_exists=True,
        execution_timeout=timedelta(minutes=5),
    ).expand_kwargs(batches())
