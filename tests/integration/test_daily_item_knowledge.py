"""The DAG for real: Airflow, spark-submit, Faiss, vLLM and Hudi on a small catalog; vLLM is killed once on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from infra.hudi_reading import is_table
from pipelines.tunnel.plan_folder import PlanError, PlanFolder, current_plan
from pipelines.tunnel.sample import sample_listings
from schemas.derive import parse_record, to_mapping
from schemas.listing import Listing

pytestmark = [pytest.mark.integration, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "infra/demo/catalog"
DAY = "2026-11-01"
HOSTILE = {"demo-0379", "demo-0427"}
TIMEOUT_S = 600


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with the day's listings: a family of each category, two hostile ones, and those that break the contract."""
    warehouse = tmp_path_factory.mktemp("dag") / "warehouse"
    incoming = warehouse / "incoming" / DAY
    incoming.mkdir(parents=True)
    lines = (CATALOG / "listings.jsonl").read_text("utf-8").splitlines()
    chosen = sample_listings([parse_record(Listing, json.loads(line)) for line in lines], 30, HOSTILE)
    text = "".join(json.dumps(to_mapping(listing), ensure_ascii=False) + "\n" for listing in chosen)
    (incoming / "listings.jsonl").write_text(text, "utf-8")
    (incoming / "bad.jsonl").write_bytes((CATALOG / "bad_listings.jsonl").read_bytes())
    return warehouse


@pytest.fixture(scope="module")
def command(stack, place):
    """Start `./aiic run` for the day on the stack's servers."""
    environment = {
        **stack.env,
        "AIIC_WAREHOUSE": str(place),
        "AIIC_AIRFLOW_HOME": str(place.parent / "airflow"),
    }
    words = ["run", "--day", DAY, "--ontology", str(CATALOG / "ontology")]

    def start(*more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(ROOT / "aiic"), *words, *more], env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    return start


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, said


def results(place: Path) -> dict[str, int]:
    try:
        folder = current_plan(place, DAY).root / "results"
    except PlanError:
        return {}
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}


def folder_of(place: Path) -> PlanFolder:
    return current_plan(place, DAY)


def table(place: Path) -> list[dict[str, object]]:
    from hudi import HudiTableBuilder

    batches = HudiTableBuilder.from_base_uri((place / "item_knowledge").as_uri()).build().read()
    return [row for batch in batches for row in batch.to_pylist()]


def test_the_dag_with_vllm_killed_on_the_way(stack, place, command):
    encoder = int(stack.status()["encoder"]["pid"])  # asked before: the run does not wait for the answer
    running = command("--via", "airflow")
    deadline = time.monotonic() + TIMEOUT_S
    while not results(place) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running.poll() is None, finish(running)[1]
    os.killpg(encoder, signal.SIGKILL)
    code, said = finish(running)
    assert code == 1, said
    assert "step recognise: ServerUnavailable" in said
    assert not is_table(place / "item_knowledge")
    finished = results(place)

    # The fleet is up again: the same command goes on with what is left.
    assert stack.aiic("up").returncode == 0
    code, said = finish(command("--via", "airflow"))
    assert code == 0, said
    after = results(place)
    assert {name: after[name] for name in finished} == finished
    _check_report(place)
    _check_table(place)

    # A second run of the day repeats nothing.
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*.parquet")}
    code, said = finish(command("--via", "airflow"))
    assert code == 0, said
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*.parquet")} == before


def _check_report(place: Path) -> None:
    folder = folder_of(place)
    report = json.loads((folder.root / "report.json").read_text("utf-8"))
    expected = json.loads((CATALOG / "bad_listings.expected.json").read_text("utf-8"))
    rejects = [json.loads(line) for line in folder.rejects.read_text("utf-8").splitlines()]
    assert Counter(row["reason"] for row in rejects) == report["rejects"]
    assert {row["line"] for row in rejects if row["source"].endswith("bad.jsonl")} == {
        int(line) for line in expected
    }
    assert report["counts"]["shards_unfinished"] == 0
    assert report["counts"]["items_recognised"] == report["counts"]["items_planned"] >= 30
    assert report["counts"]["rows_merged"] == len(table(place))
    assert report["tokens"]["encoded_texts"] > 0
    assert (folder.root / "report.html").stat().st_size > 10_000


def _check_table(place: Path) -> None:
    rows = table(place)
    keys = [(row["item_id"], row["attr_id"]) for row in rows]
    assert len(set(keys)) == len(keys)
    stated = [row for row in rows if row["status"] == "stated" and not str(row["attr_id"]).startswith("_")]
    supported = [row for row in stated if row["evidence"]]
    assert len(stated) > 100
    assert len(supported) > 0.8 * len(stated)
    assert {row["item_id"] for row in rows} >= HOSTILE


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--listings", "/nonexistent/listings.jsonl"), "no such file"),
        (("--listings", "{empty}"), "not a single record"),
    ],
)
def test_bad_input_is_one_clear_error_and_changes_no_table(place, command, tmp_path, words, reason):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    before = sorted(table(place), key=repr)
    given = [word.replace("{empty}", str(empty)) for word in words]
    code, said = finish(command("--via", "direct", *given))
    assert code == 1
    assert "aiic run: " in said and f"{given[1]}: {reason}" in said
    assert sorted(table(place), key=repr) == before
