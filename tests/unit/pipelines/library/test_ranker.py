"""Rivalry of candidates, and a ranker that survives being written and read."""

import asyncio

import numpy as np
import pytest

from pipelines.library.candidates import Candidate
from pipelines.library.pairs import item_pairs
from pipelines.library.ranker import (
    NO_RIVAL,
    PairInput,
    RankerDamaged,
    load_ranker,
    overlaps,
    rivalry,
    save_ranker,
)
from pipelines.models.own_values import own_values
from pipelines.models.ranker_data import joined, ranker_rows
from pipelines.models.ranker_fit import best_threshold, fit_ranker
from tests.unit.pipelines.library import small
from udfs.document import document


def pair(item, *spans):
    return PairInput(
        item, [Candidate(str(n), n, 1, [span] if span else []) for n, span in enumerate(spans)], [], []
    )


def test_rivalry_within_a_pair():
    rows = rivalry([pair(0, None, None)], np.array([1.0, 3.0]))
    assert rows[:, 0].tolist() == [1.0, 3.0]
    assert rows[:, 1].tolist() == [1.0, 0.0]
    assert rows[:, 2].tolist() == [-2.0, 0.0]
    assert rows[1, 3] == 2.0


def test_words_claimed_by_two_keys_are_rivals_but_not_across_items():
    both = rivalry([pair(0, (3, 5)), pair(0, (3, 5))], np.array([1.0, 2.0]))
    assert both[:, 5].tolist() == [2.0, 1.0]
    apart = rivalry([pair(0, (3, 5)), pair(1, (3, 5))], np.array([1.0, 2.0]))
    assert apart[:, 5].tolist() == [-9.0, -9.0]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    release = asyncio.run(small.release(tmp_path_factory.mktemp("release")))
    listings, gold = [], {}
    for n in range(60):
        colour, height = ("Red", "Navy Blue")[n % 2], 5 + n % 7
        item = small.listing(f"{colour} ceramic mug {height} cm", "not steel")
        item = type(item)(**{name: getattr(item, name) for name in item.__slots__} | {"item_id": f"i{n}"})
        listings.append(item)
        gold[item.item_id] = {"colour": [colour], "height": [f"{height}.0"], "model": []}
    vectors = asyncio.run(small.embed([item.title for item in listings]))
    return release, listings, ranker_rows(release, listings, gold, vectors, leave_one_out=False)


def test_only_labelled_pairs_become_rows(rows):
    assert set(rows[2].keys) == {"colour", "height", "model"}
    assert rows[2].tokens.shape[0] == len(rows[2].labels()) == len(rows[2].owners())


def test_items_without_labels_bring_no_rows(rows):
    release, listings, data = rows
    vectors = asyncio.run(small.embed([item.title for item in listings]))
    unlabelled = ranker_rows(release, listings, {}, vectors, leave_one_out=True)
    assert (unlabelled.pairs, unlabelled.tokens.shape[0]) == ([], 0)
    assert joined([unlabelled, data]).tokens.shape == data.tokens.shape


def test_siblings_do_not_judge_one_another(rows):
    """All labels in one product family: no fold can be held out."""
    release, listings, data = rows
    siblings = [
        type(item)(**{name: getattr(item, name) for name in item.__slots__} | {"spu_id": "one"})
        for item in listings
    ]
    vectors = asyncio.run(small.embed([item.title for item in siblings]))
    family = ranker_rows(
        release,
        siblings,
        {item.item_id: {"model": [], "colour": ["Red"]} for item in siblings},
        vectors,
        leave_one_out=True,
    )
    assert set(family.families) == {"one"}
    assert set(data.families) == {item.item_id for item in listings}
    with pytest.raises(ValueError, match="1 labelled product families"):
        fit_ranker(family, say=lambda _what: None)


def test_joined_sets_keep_their_items_apart(rows):
    numbers = [pair.item for pair in joined([rows[2], rows[2]]).pairs]
    assert len(set(numbers)) == 2 * 60


def test_fitted_ranker_learns_and_is_the_same_after_reading(rows, tmp_path):
    _release, listings, data = rows
    fitted = fit_ranker(data, say=lambda _what: None)
    assert fitted.f1 > 0.9
    assert best_threshold(data, fitted.out_of_fold) == (fitted.threshold, fitted.f1)
    meta = small_meta(fitted.threshold)
    save_ranker(tmp_path, meta, fitted.weights, fitted.bias, fitted.boosted)
    ranker = load_ranker(tmp_path)
    assert ranker.meta == meta
    item = item_pairs(0, listings[1], document(listings[1]), small.view(), [{}] * 5)
    best = {
        v.key.key_id: p.candidates[int(q.argmax())].value
        for v, p, q in zip(item.category.keys, item.pairs, ranker.probabilities(item.pairs), strict=True)
        if len(q)
    }
    assert (best["colour"], best["height"]) == ("Navy Blue", "6.0")


def small_meta(threshold):
    from pipelines.library.ranker import FEATURE_VERSION, RankerMeta

    return RankerMeta("t", FEATURE_VERSION, threshold, 0.1, 0.8, (0.0, 1.0, 0.0), "", {"small": 60})


def test_missing_ranker_says_what_to_do(tmp_path):
    with pytest.raises(RankerDamaged, match="train one"):
        load_ranker(tmp_path / "absent")


def test_two_spellings_of_one_value_are_taken_out_twice():
    own = own_values(small.view(), {"colour": ["Red", "red", "Navy Blue"]})
    assert own[0] == {"red": 2, "navy blue": 1}
    assert all(not counts for counts in own[1:])


def test_overlaps_tell_runs_on_the_same_words_from_values_elsewhere():
    def pair(*spans):
        return PairInput(0, [Candidate(str(n), -1, 0, list(s)) for n, s in enumerate(spans)], (), ())

    dark_green, green, wood = [(0, 10)], [(5, 10)], [(20, 24)]
    pairs = [pair(dark_green, green, wood, []), pair(green)]
    found = overlaps(pairs, np.array([1.0, 3.0, 2.0, -1.0, 9.0]))
    assert found.tolist() == [
        [NO_RIVAL, 3.0, 2.0],  # "green" is part of "dark green"; "wood" is elsewhere
        [1.0, NO_RIVAL, 2.0],
        [NO_RIVAL, NO_RIVAL, 3.0],
        [NO_RIVAL, NO_RIVAL, 3.0],
        [NO_RIVAL, NO_RIVAL, NO_RIVAL],  # alone in its pair
    ]
