"""The ledger and the forecast: every figure by hand, and what is refused."""

from __future__ import annotations

import doctest
import json
from collections import Counter
from dataclasses import replace

import pytest

from jobs.cli import main
from jobs.forecast import CHANGED, NothingMeasured, read_measured
from pipelines.library.answers import Usage
from pipelines.reduction import forecast as module
from pipelines.reduction.forecast import Measured, Wanted, as_text, forecast
from pipelines.reduction.ledger import MODEL, RANKER, TAKEN_OVER, Prices, ledger_line, per_triple, run_ledger
from tests.benchmarks.throughput_report import update

USAGE = Usage(Counter(requests=10, prompt_tokens=3_000, cached_tokens=2_000, completion_tokens=500))


def test_a_line_of_the_ledger_pays_every_token_once():
    line = ledger_line("offline", USAGE, 100, 80, 36.0, Prices(2.0, 1.0, 0.1, 4.0))
    assert line.money == pytest.approx(36 / 3600 * 2 + (1_000 * 1.0 + 2_000 * 0.1 + 500 * 4.0) / 1e6)
    assert line.money_a_triple == pytest.approx(line.money / 80)
    assert per_triple(line)["prompt_tokens"] == 37.5 and per_triple(line)["seconds"] == 0.45
    none = ledger_line("realtime", Usage(), 0, 0, 0.0, Prices(2.0))
    assert (none.money, none.money_a_triple, per_triple(none)) == (0, 0, {})
    with pytest.raises(ValueError, match="not negative"):
        Prices(-1)


def test_a_run_is_accounted_by_who_answered():
    seconds = {"reduce": 1.0, "encode": 2.0, "search": 1.0, "rank": 2.0, "discriminate": 14.0}
    spent = Usage(USAGE.tokens, Counter(), seconds)
    pairs, triples = {TAKEN_OVER: 60, RANKER: 30, MODEL: 10}, {TAKEN_OVER: 50, RANKER: 20, MODEL: 10}
    taken, ranker, model, whole = run_ledger("offline", spent, pairs, triples, 10.0, Prices(3.6, 1.0))
    assert [line.tier for line in (taken, ranker, model, whole)] == [
        "offline, taken over", "offline, ranker", "offline, discriminator", "offline",
    ]  # fmt: skip
    assert [line.seconds for line in (taken, ranker, model)] == [0.5, 2.5, 7.0]
    assert (taken.prompt_tokens, ranker.prompt_tokens, model.cached_tokens) == (0, 0, 2_000)
    assert taken.money == pytest.approx(0.0005) and ranker.money == pytest.approx(0.0025)
    assert model.money == pytest.approx(0.007 + 0.001)
    assert (whole.pairs, whole.triples, whole.seconds) == (100, 80, 10.0)
    assert whole.money == pytest.approx(taken.money + ranker.money + model.money)
    assert whole.money_a_triple == pytest.approx(0.011 / 80)
    idle = run_ledger("offline", Usage(), {TAKEN_OVER: 5}, {}, 2.0, Prices(1.0))
    assert [line.seconds for line in idle] == [0.0, 0.0, 0.0, 2.0] and idle[-1].pairs == 5


MEASURED = Measured(
    pairs_an_item=10, triples_an_item=8, pairs_a_second=100, left_after_change=0.5, source="x"
)


def test_the_arithmetic_by_hand():
    wanted = Wanted(items=1_000_000, changes_a_day=30_000, machine_hour_price=0.36, in_use=0.5, first_days=10)
    found = {line.name: line.value for line in forecast(MEASURED, wanted)}
    assert found["pairs of the catalog"] == 10_000_000
    assert found["machine seconds, catalog"] == 100_000
    assert found["machines, catalog"] == pytest.approx(100_000 / (10 * 86_400 * 0.5))
    assert found["money, catalog"] == pytest.approx(100_000 / 0.5 / 3600 * 0.36)
    assert found["money a triple"] == pytest.approx(20 / 8_000_000)
    assert found["pairs a day"] == 150_000
    assert found["machine seconds a day"] == 1_500
    assert found["money a day"] == pytest.approx(0.3)
    slower = {
        line.name: line.value for line in forecast(replace(MEASURED, changed_pairs_a_second=25), wanted)
    }
    assert slower["machine seconds a day"] == 6_000 and slower["machine seconds, catalog"] == 100_000
    nothing = {line.name: line.value for line in forecast(MEASURED, Wanted(0, 0, 1))}
    assert nothing["money a triple"] == nothing["money a day"] == 0
    assert doctest.testmod(module).failed == 0


def test_every_line_says_how_and_a_stub_is_named():
    lines = forecast(MEASURED, Wanted(10e9, 300e6, 0.1))
    text = as_text(lines, MEASURED)
    assert "10,000,000,000" in text and "300,000,000" in text and "STUB" not in text
    assert all(line.how for line in lines)
    stub = Measured(10, 8, 100, 0.5, "x", is_stub=True)
    assert as_text(lines, stub).startswith("A STUB stood for the model")


@pytest.mark.parametrize("wrong", [{"pairs_a_second": 0}, {"pairs_an_item": 0}, {"left_after_change": 1.5}])
def test_a_forecast_from_nothing_is_refused(wrong):
    given = {
        "pairs_an_item": 10,
        "triples_an_item": 8,
        "pairs_a_second": 100,
        "left_after_change": 0.5,
        "source": "x",
    }
    with pytest.raises(ValueError, match="nothing was measured"):
        Measured(**{**given, **wrong})


@pytest.mark.parametrize("wrong", [{"in_use": 0}, {"in_use": 1.2}, {"first_days": 0}, {"items": -1}])
def test_an_impossible_wish_is_refused(wrong):
    with pytest.raises(ValueError):
        Wanted(**{"items": 1, "changes_a_day": 1, "machine_hour_price": 1, **wrong})


REPORT = {
    "is_stub_model": True,
    "items": {"families": 5, "family_size": 4},
    "runs": {
        "all": {"pairs": 200, "triples": 150, "pairs_per_s": 50.0},
        CHANGED: {"pairs": 200, "pairs_by": {"unchanged": 190, "moved": 6}},
    },
}


def test_the_command_forecasts_from_the_bench_file(tmp_path, capsys):
    path = tmp_path / "throughput.json"
    path.write_text(json.dumps(REPORT))
    found = read_measured(path, "all")
    assert (found.pairs_an_item, found.triples_an_item, found.left_after_change) == (10, 7.5, 0.4)
    assert found.changed_pairs_a_second == 50  # no run over items without siblings: as the others
    alone = {**REPORT["runs"], "all_family_1": {"pairs_per_s": 20.0}}
    update("runs", {**REPORT, "runs": alone}, tmp_path / "of_the_bench.json")
    assert read_measured(tmp_path / "of_the_bench.json", "all").changed_pairs_a_second == 20
    words = ["forecast", "--items", "10e9", "--changes-per-day", "300e6", "--from", str(path)]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "STUB" in out and "100,000,000,000" in out
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (
        told["is_stub_model"]
        and {line["name"]: line["value"] for line in told["lines"]}["pairs a day"] == 1.2e9
    )


def test_what_is_not_there_is_told(tmp_path, capsys):
    words = ["forecast", "--items", "1", "--changes-per-day", "1", "--from", str(tmp_path / "none.json")]
    assert main(words) == 1
    assert "make bench-throughput" in capsys.readouterr().err
    for text in ("{", "{}", json.dumps({**REPORT, "runs": {}})):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(NothingMeasured, match="not a bench"):
            read_measured(tmp_path / "bad.json", "all")
