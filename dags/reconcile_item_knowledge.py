"""Daily DAG: proves that the table, the replayed changes and the lookup store are one state, and repairs what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronPartitionTimetable, Param

from infra.airflow import default_args, default_warehouse, spark_job

DOC = """
### reconcile_item_knowledge
Once a day: `item_knowledge` = the changes of `item-knowledge.changes` replayed = the lookup store, row by row.

- What differs twice in a row (otherwise it is only on its way) is **repaired** through the merge: published once more, or
  sent to the merge again. What still differs then **fails** the task, with the list of rows in its log.
- It only reads the table, needs no pool, and may run beside the streaming merge and batch runs. Repairs wait until the
  streaming merge runs.
- **Run it now**: `python -m jobs.batch.reconcile --warehouse W --kafka HOST:PORT --store local`, or *Trigger*.
- **The store** is by default `local`: the lookup service that the local stack's settings name (`AIIC_LOOKUP_*`), over its HTTP,
  with its first key. Elsewhere: `http://HOST:PORT` with a key in `AIIC_LOOKUP_KEY`; the address of a Redis-compatible server;
  or a folder. Empty: only table and changes are compared.
- **It ends with code 2**: there was no table, no broker, no lookup service that is ready, or the topic no longer holds the
  changes since the last proof; the log says which. Where the topic was made anew, run it by hand once with `--new-base`.
"""

with DAG(
    dag_id="reconcile_item_knowledge",
    schedule=CronPartitionTimetable("0 4 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=default_args(retries=1, retry_delay_s=600),
    params={
        "warehouse": Param(default_warehouse(), type="string", description="folder of the tables"),
        "kafka": Param("127.0.0.1:19092", type="string", description="host:port of the broker"),
        "store": Param(
            "local",
            type="string",
            description="the lookup store: local, http://..., redis://...; empty: not compared",
        ),
    },
    tags=["item-center", "tunnel"],
    doc_md=DOC,
):
    spark_job(
        "reconcile",
        "jobs/batch/reconcile.py",
        [
            "--warehouse",
            "{{ params.warehouse }}",
            "--kafka",
            "{{ params.kafka }}",
            "--store",
            "{{ params.store }}",
        ],
        execution_timeout=timedelta(hours=2),
    )
