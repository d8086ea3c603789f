"""Around a run: which release is meant, what is shown while it goes on, and how a failure is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.batch.progress_bar import progress_line
from jobs.daily_run import DailyRun, RunFailed, did_nothing, run_daily
from jobs.demo_show import examples
from jobs.released import find_release, interchange_name, newest_release
from pipelines.ontology.errors import UnknownVersion
from pipelines.ontology.store import OntologyStore
from pipelines.tunnel.plan_folder import PlanFolder, day_folder, note_error, write_json, write_table
from pipelines.tunnel.progress import Progress
from pipelines.tunnel.sample import sample_listings
from schemas.listing import Listing

DAY = "2026-11-01"


@pytest.mark.parametrize(
    ("now", "seconds", "line"),
    [
        (Progress(3, 4, 30, 40), 10.0, "recognise: 30/40 listings, 3/4 shards, 2.0 listings/s, about 5 s left"),
        (Progress(1, 4, 10, 40), 10.0, "recognise: 10/40 listings, 1/4 shards, 0.0 listings/s, remaining time not known yet"),
        (Progress(1, 4, 10, 40), 0.0, "recognise: 10/40 listings, 1/4 shards, 0.0 listings/s, remaining time not known yet"),
    ],
)  # fmt: skip
def test_progress_line(now, seconds, line):
    assert progress_line(now, Progress(1, 4, 10, 40), seconds) == line


def test_an_unknown_ontology_says_how_to_release_one(tmp_path):
    with pytest.raises(UnknownVersion, match="aiic ontology release --name tea"):
        find_release(tmp_path, "tea")
    with pytest.raises(UnknownVersion, match="holds no release"):
        find_release(tmp_path, str(tmp_path / "x"))
    assert newest_release(OntologyStore(tmp_path, "tea")) is None


def test_a_release_folder_is_itself(tmp_path):
    (tmp_path / "release.json").write_text("{}")
    assert find_release(tmp_path, str(tmp_path)) == tmp_path


def test_an_ontology_is_called_as_its_data_set():
    assert interchange_name(Path("data/wdc_pave/ontology")) == "wdc_pave"
    assert interchange_name(Path("data/shoes")) == "shoes"


def a_run(tmp_path, monkeypatch, code: str) -> DailyRun:
    """A run whose job is a line of Python."""

    def start(job, arguments, log, master):
        return subprocess.Popen(
            [sys.executable, "-c", code], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )

    monkeypatch.setattr("jobs.daily_run.start_spark_job", start)
    return DailyRun(DAY, tmp_path, None, tmp_path)


def test_a_failed_run_tells_the_jobs_own_reason_and_the_log(tmp_path, monkeypatch):
    day = day_folder(tmp_path, DAY)
    code = (
        "from pathlib import Path; from pipelines.tunnel.plan_folder import note_error; "
        f"note_error(Path({str(day)!r}), 'recognise', 'the server is gone'); raise SystemExit(1)"
    )
    run = a_run(tmp_path, monkeypatch, code)
    with pytest.raises(RunFailed, match=r"step recognise: the server is gone\nlog: .*direct\.log"):
        run_daily(run, "direct", tmp_path)


def test_a_killed_job_is_not_blamed_on_an_earlier_error(tmp_path, monkeypatch):
    note_error(day_folder(tmp_path, DAY), "plan", "an old story")
    run = a_run(tmp_path, monkeypatch, "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(RunFailed, match="without telling why"):
        run_daily(run, "direct", tmp_path)


def test_a_run_did_nothing_when_all_its_steps_are_older(tmp_path):
    folder = PlanFolder(tmp_path)
    for name in ("plan", "recognise", "merge"):
        write_json(folder.step(name), {})
        os.utime(folder.step(name), (100, 100))
    assert did_nothing(folder, since_s=101.0)
    os.utime(folder.step("merge"), (102, 102))
    assert not did_nothing(folder, since_s=101.0)


def test_examples_are_of_different_categories_and_one_is_hostile(tmp_path):
    import pyarrow as pa

    stated = {("tea", "t1"): 3, ("tea", "t2"): 5, ("shoes", "s1"): 4, ("lamps", "l1"): 1, ("lamps", "bad"): 9}
    rows = [
        {"item_id": item_id, "category_id": category_id, "status": "stated"}
        for (category_id, item_id), count in stated.items()
        for _ in range(count)
    ]
    write_table(PlanFolder(tmp_path).result("x"), pa.Table.from_pylist(rows))
    assert examples(PlanFolder(tmp_path), {"bad"}) == ["t2", "s1", "bad"]


def test_a_sample_has_whole_families_of_every_category():
    shoes = [Listing(f"s{n}", "shoe", spu_id=f"p{n // 2}", category_id="shoes") for n in range(6)]
    nameless = [Listing("n0", "x"), Listing("n1", "x")]
    found = [listing.item_id for listing in sample_listings([*shoes, *nameless], 3, {"s5"})]
    assert found == ["s0", "s1", "s5", "n0"]
    assert len(sample_listings([*shoes, *nameless], 99, set())) == 8
