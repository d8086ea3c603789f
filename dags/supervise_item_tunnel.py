"""Two DAGs that keep the stream tiers running: the stack and the Flink jobs, and the streaming merge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param

from infra.airflow import WRITER_POOL, aiic_task, default_args, default_warehouse

EVERY = timedelta(minutes=1)
PARAMS = {
    "warehouse": Param(default_warehouse(), type="string", description="folder of the tables"),
    "ontology": Param("demo", type="string", description="name of a released ontology"),
    "components": Param("kafka,flink,lookup", type="string", description="of the local stack; what must run"),
    "tiers": Param("nearline,realtime", type="string", description="Flink jobs that must run; empty: none"),
    "window_s": Param(
        60, type="integer", minimum=1, description="nearline: how long changes wait for others"
    ),
}

DOC = """
### supervise_item_tunnel, supervise_item_merge
Every minute: what is to run of the stream tiers is started where it does not run, and looked at where it does.

| DAG | task | does | fails when |
|---|---|---|---|
| `supervise_item_tunnel` | `stack` | `aiic up --only <components>`: starts again what died, waits until it is healthy | it does not get healthy; the reason and the last lines of its log are told |
| | `nearline`, `realtime` | `aiic stream start TIER`: nothing where the job runs; else from its newest savepoint or checkpoint | the cluster refuses the job |
| | `check` | `aiic supervise`: waits until all of it is well, jobs RUNNING | it is not well within 3 minutes |
| `supervise_item_merge` | `merge` | `aiic merge --follow`; pool `item_knowledge_writer` | it is not healthy |

- **Turn on**: both are paused until somebody unpauses them, since they start servers. To end the streams for a while, pause them
  first, then `./aiic stream stop TIER`, `./aiic merge --follow stop`, `./aiic down`.
- **Batch runs** hold a slot of `item_knowledge_writer` while they merge, and so does the start of the streaming merge: neither begins
  in the middle of the other. While the streaming merge runs, it holds the table's lock, and batch runs hand their files to it.
- **Without Airflow**: `./aiic supervise --watch` does the same every few seconds.
- **After a failure** there is nothing to clear: the next run begins anew, a minute later.
"""

COMMON = {
    "schedule": EVERY,
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
    "max_active_runs": 1,
    "is_paused_upon_creation": True,
    "default_args": default_args(retries=0),
    "tags": ["item-center", "tunnel"],
    "doc_md": DOC,
}


WHERE = ["--warehouse", "{{ params.warehouse }}", "--ontology", "{{ params.ontology }}"]
MORE = {"nearline": ["--window-s", "{{ params.window_s }}"], "realtime": []}

with DAG(dag_id="supervise_item_tunnel", params=PARAMS, **COMMON):
    stack = aiic_task(
        "stack", ["up", "--only", "{{ params.components }}"], execution_timeout=timedelta(minutes=10)
    )
    check = aiic_task(
        "check",
        ["supervise", "--timeout", "180"],
        execution_timeout=timedelta(minutes=5),
        trigger_rule="none_failed",
    )
    for tier, more in MORE.items():
        job = aiic_task(
            tier,
            ["stream", "start", tier, *WHERE, *more],
            when=f"{{{{ '{tier}' in params.tiers.split(',') }}}}",
            execution_timeout=timedelta(minutes=10),
        )
        stack >> job >> check

with DAG(dag_id="supervise_item_merge", params={"warehouse": PARAMS["warehouse"]}, **COMMON):
    aiic_task(
        "merge",
        ["merge", "--follow", "--warehouse", "{{ params.warehouse }}"],
        pool=WRITER_POOL,
        execution_timeout=timedelta(minutes=20),
    )
