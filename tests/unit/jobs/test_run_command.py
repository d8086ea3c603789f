"""`aiic run`: slips are told at once, before Spark or a server is asked."""

from __future__ import annotations

import json

import pytest

from jobs.batch.daily_item_knowledge import parse
from jobs.batch.daily_item_knowledge_context import Context
from jobs.batch.daily_item_knowledge_plan import plan
from jobs.cli import main
from jobs.daily_run import DailyRun, _arguments
from pipelines.ontology.errors import OntologyError
from pipelines.reduction.config import reduce_of
from pipelines.tunnel.daily_item_knowledge import DailyConfig, day_start_ms
from pipelines.tunnel.plan_folder import day_folder


@pytest.fixture
def listings(tmp_path):
    path = tmp_path / "listings.jsonl"
    path.write_text(json.dumps({"item_id": "a", "title": "Tea"}) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--day", "2026-13-02"], "'2026-13-02' is no day: give YYYY-MM-DD"),
        (["--day", "20261102"], "'20261102' is no day: give YYYY-MM-DD"),
        (["--day", "../x"], "'../x' is no day: give YYYY-MM-DD"),
        (["--listings", "absent.jsonl"], "absent.jsonl: no such file; give a .jsonl or .parquet file"),
        (
            ["--day", "2026-11-07", "--images", "ocr", "--reduce", "sku"],
            "items whose images are read are recognised whole",
        ),
        (["--day", "2026-11-07"], "incoming/2026-11-07: no such file; give a .jsonl or .parquet file"),
    ],
)
def test_a_slip_is_told_and_nothing_is_made(words, told, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--ontology", "shoes", "--warehouse", str(tmp_path / "w"), *words]) == 1
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("ontology", "told"),
    [
        ("./absent/ontology", "./absent/ontology: no such folder; give an interchange folder"),
        ("shoes", "there is no ontology 'shoes'"),
    ],
)
def test_an_ontology_that_is_not_there_is_told(ontology, told, listings, tmp_path, capsys):
    words = ["run", "--warehouse", str(tmp_path / "w"), "--listings", str(listings), "--ontology", ontology]
    assert main(words) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("limit", ["-3", "1.5", "all"])
def test_a_limit_is_a_whole_number(limit, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--ontology", "shoes", "--limit", limit])
    assert ended.value.code == 2
    assert "0 for all listings" in capsys.readouterr().err


def test_what_may_be_left_out_is_named(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--ontology", "shoes", "--reduce", "sku,most"])
    assert ended.value.code == 2
    assert "'sku,most': give off, paper, all, or parts" in capsys.readouterr().err


def test_a_run_hands_on_what_it_is_asked_to_leave_out(tmp_path):
    run = DailyRun("2026-11-01", tmp_path, None, tmp_path, reduce="sku,differential", machine_hour=0.5)
    words = _arguments(run)
    read = parse(words)
    assert read.reduce == reduce_of("sku,differential")
    assert read.machine_hour == 0.5
    assert parse(["plan", "--day", "2026-11-01", "--ontology", "x"]).reduce == reduce_of("off")


def test_a_day_has_one_form_only():
    assert day_start_ms("2026-11-01") == 1_793_491_200_000
    for other in ("20261101", "2026-W44-7", "2026-11-01T00:00", "", "today"):
        with pytest.raises(ValueError, match="is no day: give YYYY-MM-DD"):
            day_start_ms(other)


def test_a_plan_that_fails_after_intake_leaves_nothing(listings, tmp_path):
    config = DailyConfig("2026-11-01", tmp_path / "w", (listings,))
    with pytest.raises(OntologyError):
        plan(Context(config, "absent", "off"))
    assert list(day_folder(config.warehouse, config.day).iterdir()) == []
