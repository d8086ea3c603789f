"""The demo, step by step: servers and Airflow's database come up while the ontology is imported."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from infra.airflow import AirflowHome, prepare_airflow
from infra.local import stack
from infra.local.config import load_config
from infra.spark_submit import ROOT
from jobs.commands.run import airflow_home
from jobs.daily_run import DailyRun, run_daily
from jobs.demo_show import show_examples, show_next_steps
from jobs.prepare_ontology import import_ontology, prepare_ontology
from jobs.run_summary_print import print_run
from pipelines.tunnel.plan_folder import day_folder, write_whole
from pipelines.tunnel.sample import sample_listings
from schemas.derive import parse_record, to_mapping
from schemas.listing import Listing

CATALOG = ROOT / "infra/demo/catalog"
SERVERS = ("discriminator", "encoder")


@dataclass(frozen=True, slots=True)
class Demo:
    """What of the demo is asked for; `at_least` None is the whole catalog."""

    warehouse: Path
    day: str
    at_least: int | None
    fresh: bool

    @property
    def listings(self) -> Path:
        """Folder of the demo's input in the warehouse."""
        return self.warehouse / "incoming" / self.day


def run_demo(demo: Demo) -> None:
    """Run it and show what came out.

    Errors: those of the stack, the ontology and the run.
    """
    if demo.fresh:
        shutil.rmtree(day_folder(demo.warehouse, demo.day), ignore_errors=True)
    _title("1/4  inference servers, Airflow's database, ontology")
    with ThreadPoolExecutor(2) as side:
        servers = side.submit(_start_servers)
        database = side.submit(prepare_airflow, AirflowHome(airflow_home()))
        import_ontology(demo.warehouse, CATALOG / "ontology", "demo")
        write_demo_listings(demo)
        _wait(servers, database)
    _title("2/4  release of the ontology: values encoded, indexes built")
    release = prepare_ontology(demo.warehouse, "demo")
    _title("3/4  DAG daily_item_knowledge: plan -> recognise -> merge -> report")
    started_s = time.time()
    folder = run_daily(DailyRun(demo.day, demo.warehouse, demo.listings, release), "airflow", airflow_home())
    _title("4/4  what came out")
    print_run(folder, demo.warehouse, started_s)
    show_examples(folder, _hostile())
    show_next_steps(folder, CATALOG)


def write_demo_listings(demo: Demo) -> None:
    """Put the demo's listings, and those that break their contract, where the day's job looks for them."""
    lines = (CATALOG / "listings.jsonl").read_text("utf-8").splitlines()
    listings = [parse_record(Listing, json.loads(line)) for line in lines]
    if demo.at_least is not None:
        listings = sample_listings(listings, demo.at_least, _hostile())
    text = "".join(json.dumps(to_mapping(listing), ensure_ascii=False) + "\n" for listing in listings)
    write_whole(demo.listings / "listings.jsonl", text.encode("utf-8"))
    write_whole(demo.listings / "bad_listings.jsonl", (CATALOG / "bad_listings.jsonl").read_bytes())


def end_servers() -> None:
    """End what the demo started."""
    stack.down(load_config(env=os.environ), SERVERS, print)


def _hostile() -> set[str]:
    """Listings that try to break the system: they belong into every demo."""
    notes: Iterator[dict[str, Any]] = map(
        json.loads, (CATALOG / "notes.jsonl").read_text("utf-8").splitlines()
    )
    return {row["item_id"] for row in notes if any(note.startswith("hostile") for note in row["notes"])}


def _start_servers() -> None:
    config = load_config(env=os.environ)
    stack.up(
        config, stack.components(config, SERVERS), lambda line: print(f"     {line}", flush=True), os.environ
    )


def _wait(*work: Future[None]) -> None:
    for part in work:
        part.result()


def _title(text: str) -> None:
    Console().print(f"\n[bold]{text}[/bold]", highlight=False)
