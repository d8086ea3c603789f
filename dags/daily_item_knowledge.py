"""Daily DAG of the offline tier: listings of a day -> shards -> recognition -> item_knowledge -> report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronPartitionTimetable, Param

from infra.airflow import FLEET_POOL, WRITER_POOL, default_args, default_warehouse, spark_job

JOB = "jobs/batch/daily_item_knowledge.py"
# The partition where Airflow made one (schedule, backfill, REST), else the date the run was started with.
DAY = "{{ params.day or dag_run.partition_key or (dag_run.logical_date or dag_run.run_after) | ds }}"
COMMON = ["--day", DAY, "--warehouse", "{{ params.warehouse }}", "--ontology", "{{ params.ontology }}"]
INPUT = ["--listings", "{{ params.listings }}", "--limit", "{{ params.limit }}"]
MODE = ["--discriminator", "{{ params.discriminator }}", "--images", "{{ params.images }}"]
MODE += ["--precision", "{{ params.precision }}", "--reduce", "{{ params.reduce }}"]
PRICE = ["--machine-hour", "{{ params.machine_hour }}"]
# What `pipelines.reduction.config.reduce_of` reads; a test compares.
PART = "(sku|attribute|candidates|shared|flow|differential)"

DOC = """
### daily_item_knowledge
The listings of one day become rows of `item_knowledge`. One run a day, of the day before (`partition_key`, UTC).

| task | does | can be repeated because |
|---|---|---|
| `plan` | checks the listings, writes rejects, the `items` table and the shards | the plan's id is a digest of its inputs |
| `recognise` | Spark tasks claim shards; pool `inference_fleet` | a shard with a result is left alone |
| `merge` | results into Hudi; pool `item_knowledge_writer` | last write wins on `version` |
| `report` | `report.json`, `report.html` beside the plan | it only reads |

- **Run one day**: `./aiic run --day 2026-11-01 --listings F --ontology NAME`, or in the web page with *Trigger*.
- **Leave out what need not be computed**: parameter `reduce`, `paper` or `all`; with `differential` among its parts, pairs whose
  text, ontology entry and models are those of an earlier day cost nothing.
- **Backfill**: `./aiic airflow backfill create --dag-id daily_item_knowledge --from-date 2026-11-01 --to-date 2026-11-07`,
  both days included; listings of a day are looked for in `<warehouse>/incoming/<day>/`. An old day cannot undo newer
  knowledge: rows are ordered by the time of their input. Add `--reprocess-behavior failed` to repeat failed days only.
- **Web page and scheduler**: `./aiic airflow standalone`; end it with Ctrl-C.
- **Catch-up** is off: a DAG that was paused for a week does not start seven runs; use a backfill, it has its own limit.
- **After a failure** clear the failed task: finished shards are kept. A dead inference server, a full disk or an absent
  file fail the task with a message that says what to do; nothing is half-written.
- One run at a time (`max_active_runs=1`); the pools keep runs of other DAGs away from the fleet and from the table.
"""

with DAG(
    dag_id="daily_item_knowledge",
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={
        "day": Param(None, type=["null", "string"], format="date", description="day; empty: the run's own"),
        "listings": Param("", type="string", description="file or folder; empty: <warehouse>/incoming/<day>"),
        "ontology": Param("demo", type="string", description="name or folder of a released ontology"),
        "warehouse": Param(default_warehouse(), type="string", description="folder of the tables and plans"),
        "discriminator": Param("cascade", enum=["cascade", "all", "off"], description="who answers"),
        "images": Param("off", enum=["off", "ocr", "vision", "both"], description="who reads images"),
        "precision": Param(0, type="number", minimum=0, description="precision wanted; 0: the best F1"),
        "reduce": Param(
            "off",
            type="string",
            pattern=f"^(off|paper|all|{PART}(,{PART})*)$",
            description="what need not be computed: off, paper, all, or parts with commas between",
        ),
        "machine_hour": Param(0.1, type="number", minimum=0, description="price of a machine hour"),
        "limit": Param(0, type="integer", minimum=0, description="first listings only; 0: all"),
    },
    tags=["item-center", "offline"],
    doc_md=DOC,
):
    plan = spark_job("plan", JOB, ["plan", *COMMON, *INPUT, *MODE], execution_timeout=timedelta(hours=1))
    recognise = spark_job(
        "recognise",
        JOB,
        ["recognise", *COMMON, *MODE],
        pool=FLEET_POOL,
        execution_timeout=timedelta(hours=12),
    )
    merge = spark_job(
        "merge", JOB, ["merge", *COMMON], pool=WRITER_POOL, execution_timeout=timedelta(hours=2)
    )
    report = spark_job("report", JOB, ["report", *COMMON, *PRICE], execution_timeout=timedelta(minutes=30))
    plan >> recognise >> merge >> report
