"""The bench's own parts: the stub's cache and choices, chunks, changed items, and the speedups that are reported."""

from __future__ import annotations

import doctest

import pytest

from infra.demo.families import FamilyConfig
from tests.benchmarks import throughput_report, throughput_stub
from tests.benchmarks.throughput_plan import CHUNK_ITEMS, TURNS, chunks_of, items_of, one_percent_changed
from tests.benchmarks.throughput_report import FIGURES, Figure, reached, read, table, update
from tests.benchmarks.throughput_scoring import figures_of, speedups
from tests.benchmarks.throughput_stub import BLOCK, Oracle, PrefixCache, answer
from udfs.prompts import Question, build_prompt
from udfs.replies import parse_reply


def test_the_stub_answers_in_the_form_that_is_parsed():
    assert doctest.testmod(throughput_stub).failed == 0
    questions = [
        Question("c", "Color", "The shade.", ("Navy Blue", "Blue", "Red"), False),
        Question("f", "Features", "", ("NFC", "Dual SIM", "SIM"), True),
        Question("w", "Width", "", ("14 in = 35.6", "3 in = 7.6"), False),
    ]
    reply = answer(build_prompt("A phone with NFC, dual SIM; 14 in wide.", "navy blue", questions))
    assert parse_reply(reply, questions) == [(0,), (0, 1), (0,)]


def test_the_stub_that_knows_the_labels_errs_where_it_is_told_to():
    questions = [
        Question("c", "Color", "", ("Navy Blue", "Blue"), False),
        Question("w", "Width", "", ("3 in = 7.6", "14 in = 35.6"), False),
        Question("f", "Fit", "", ("Slim",), True),
    ]
    gold = {
        "A phone": {"Color": ["blue"], "Width": ["35.6"], "Fit": []},
        "A phone case": {"Color": ["navy blue"]},
    }
    prompt = build_prompt("A phone | blue", "", questions)
    assert parse_reply(Oracle(gold, 0.0).answer(prompt), questions) == [(1,), (1,), ()]
    assert parse_reply(Oracle(gold, 1.0).answer(prompt), questions) == [(), (), ()]
    case = build_prompt("A phone case | blue", "", questions)
    assert parse_reply(Oracle(gold, 0.0).answer(case), questions) == [(0,), (), ()]
    other = build_prompt("Slim case", "", questions)
    assert Oracle(gold, 0.0).answer(other) == answer(other)


def test_the_prefix_cache_holds_whole_blocks_and_forgets_the_least_used():
    cache, prompt = PrefixCache(room=4), [str(n) for n in range(3 * BLOCK)]
    assert cache.cached(prompt) == 0
    assert cache.cached(prompt) == 2 * BLOCK  # the last block is computed: its last token is needed
    assert cache.cached([*prompt, "x"]) == 3 * BLOCK
    assert cache.cached([*prompt[:BLOCK], *"y" * BLOCK]) == BLOCK
    assert cache.cached(["z", *prompt]) == 0  # another beginning shares nothing; its blocks drive others out
    assert cache.cached(prompt) < 2 * BLOCK
    assert PrefixCache(room=0).cached(prompt) == 0


@pytest.mark.parametrize(("families", "size"), [(3, 5), (2, 40), (5, 1), (0, 3)])
def test_chunks_hold_every_item_once_and_no_more_than_fit(families, size):
    found = items_of(FamilyConfig(families, size))
    chunks = list(chunks_of(found))
    assert [one.item_id for chunk in chunks for one in chunk] == [one.item_id for one in found.listings]
    assert all(0 < len(chunk) <= CHUNK_ITEMS for chunk in chunks)


@pytest.mark.parametrize("turn", range(TURNS))
def test_one_in_a_hundred_says_what_a_sibling_says_that_was_never_recognised(turn):
    found = items_of(FamilyConfig(24, 5))
    now = one_percent_changed(found, turn)
    pairs = list(zip(found.listings, now.listings, strict=True))
    changed = [place for place, (before, after) in enumerate(pairs) if before != after]
    assert changed == [31 * turn] + ([100] if turn == 0 else [])
    titles = {listing.title for listing in found.listings}
    for before, after in (pairs[place] for place in changed):
        assert before.item_id == after.item_id and after.title not in titles
        unseen = next(one for one in found.unseen if one.title == after.title)
        assert now.gold[after.item_id] == found.gold[unseen.item_id]
    with pytest.raises(ValueError, match="take more families"):
        one_percent_changed(items_of(FamilyConfig(1, 3)), 3)


def run(pairs_per_s: float, model_seconds: float, f1: float = 0.5, calls: int = 0) -> dict[str, float]:
    return {"pairs_per_s": pairs_per_s, "model_seconds": model_seconds, "f1": f1, "model_calls": calls}


RUNS = {
    "naive": run(2, 60, 0.75),
    "all": run(50, 0, 0.74),
    "paper_parts": run(20, 4, 0.76, 200),
    "second_run_calls_unchanged": run(9, 9, calls=0),
    "second_run_calls_one_percent_1": run(9, 9, calls=1),
    "second_run_calls_one_percent_2": run(9, 9, calls=5),
    "naive_family_1": run(4, 8),
    "all_family_1": run(12, 2),
}


def test_speedups_compare_with_naive_on_the_same_items():
    assert speedups(RUNS) == {
        "speedup_all": 25,
        "speedup_paper_parts": 10,
        "model_speedup_paper_parts": 15,
        "speedup_all_family_1": 3,
        "model_speedup_all_family_1": 4,
    }
    assert speedups({"all": run(1, 1)}) == {}


def test_every_figure_of_the_runs_is_told():
    found = figures_of(RUNS)
    assert found["f1_naive"] == 0.75 and found["f1_all"] == 0.74
    assert found["f1_points_lost_all"] == 1 and found["f1_points_lost_paper_parts"] == -1
    assert found["calls_unchanged"] == 0 and found["calls_one_percent"] == 0.015
    measured_elsewhere = {"search_qps", "search_recall_at_10"}
    alone = {f"speedup_{name}" for name in ("reduction", "cache", "async", "cascade")}
    assert {one.name for one in FIGURES} - found.keys() == measured_elsewhere | alone
    assert figures_of({"naive": RUNS["naive"]}) == {"f1_naive": 0.75}


@pytest.mark.parametrize(
    ("measured", "expected"),
    [(2.9, "no"), (3.0, "must"), (4.99, "must"), (5.0, "aim"), (None, "not measured")],
)
def test_a_figure_is_compared_with_what_it_must_be_and_with_the_aim(measured, expected):
    found = {} if measured is None else {"speedup_reduction": measured}
    assert reached(Figure("speedup_reduction", ">=", 3.0, 5.0), found) == expected
    assert reached(Figure("f1_points_lost_all", "<=", 0.5, 0.0), {"f1_points_lost_all": 0.2}) == "must"
    assert reached(Figure("speedup_all_family_1"), {"speedup_all_family_1": 2}) == "told"


def test_the_file_is_brought_up_to_date_part_by_part(tmp_path):
    path = tmp_path / "throughput.json"
    path.write_text('{"speedup_all": 1}')
    assert read(path) == {"parts": {}}  # of before there were parts
    update("runs", {"speedup_all": 30, "speedup_async": 1.5, "is_stub_model": True, "model": "STUB"}, path)
    update("search", {"search_qps": 12_000.0}, path)
    found = update("runs", {"speedup_all": 20}, path)
    assert found == read(path) and found["search_qps"] == 12_000 and found["speedup_all"] == 20
    assert "speedup_async" not in found and found["parts"]["runs"]["names"] == ["speedup_all"]
    assert "cores" in found["machine"]


def test_the_table_has_every_figure_and_says_what_a_stub_was():
    lines = table({"speedup_all": 30, "is_stub_model": True, "model": "STUB at a stated speed"}).splitlines()
    assert len(lines) == len(FIGURES) + 2 and lines[-1] == "The model is a STUB at a stated speed."
    for calls, told in ((0, True), (3, False)):
        text = table({"runs": {"cascade": {"model_calls": calls}}})
        assert ("asks the model nothing" in text) is told
    assert doctest.testmod(throughput_report).failed == 0
