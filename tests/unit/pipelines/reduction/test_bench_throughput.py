"""The bench's own parts: the stub's cache and choices, chunks, changed items, and the speedups that are reported."""

from __future__ import annotations

import doctest

import pytest

from infra.demo.families import FamilyConfig
from tests.benchmarks import throughput_stub
from tests.benchmarks.throughput import CHUNK_ITEMS, chunks_of, items_of, one_percent_changed, speedups
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


def test_one_in_a_hundred_takes_over_the_text_of_a_sibling():
    found = items_of(FamilyConfig(21, 5))
    now = one_percent_changed(found)
    pairs = list(zip(found.listings, now.listings, strict=True))
    changed = [(before, after) for before, after in pairs if before != after]
    assert len(changed) == 2
    for before, after in changed:
        assert before.item_id == after.item_id and before.title != after.title
    assert len(one_percent_changed(items_of(FamilyConfig(1, 4))).listings) == 4


def test_speedups_compare_with_naive_on_the_same_items():
    def run(pairs_per_s: float, model_seconds: float) -> dict[str, float]:
        return {"pairs_per_s": pairs_per_s, "model_seconds": model_seconds, "f1": 0.5}

    runs = {
        "naive": run(2, 60),
        "all": run(50, 0),
        "paper_parts": run(20, 4),
        "second_run_x": run(9, 9),
        "naive_family_1": run(4, 8),
        "all_family_1": run(12, 2),
    }
    assert speedups(runs) == {
        "speedup_all": 25,
        "speedup_paper_parts": 10,
        "model_speedup_paper_parts": 15,
        "speedup_all_family_1": 3,
        "model_speedup_all_family_1": 4,
        "f1_naive": 0.5,
        "f1_paper_parts": 0.5,
        "f1_all": 0.5,
    }
    assert speedups({"all": run(1, 1)}) == {"f1_all": 0.5}
