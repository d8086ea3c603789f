"""The release gate: what passes, what does not, and that better answers never turn a pass into a refusal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.models.gate import GateRules, PairResult, decide

RULES = GateRules(resamples=200)
SMALL = replace(RULES, least_support=1)


def side(rows, set_name="s", families=None):
    """Pairs of (key, right, wrong, missed); two pairs a family."""
    return [PairResult(set_name, f"f{n // 2}", *row) for n, row in enumerate(rows)]


def many(key, right, wrong, missed=0):
    return [(key, 1, 0, 0)] * right + [(key, 0, 1, 0)] * wrong + [(key, 0, 0, 1)] * missed


def mix(pairs, fraction_wrong):
    """Spread wrong answers evenly, as noise does."""
    step = round(1 / fraction_wrong)
    return [
        replace(pair, right=0, wrong=1) if n % step == 0 and pair.right else pair
        for n, pair in enumerate(pairs)
    ]


def test_the_same_answers_pass():
    found = decide(side(many("k", 40, 5, 9)), side(many("k", 40, 5, 9)), RULES)
    assert (found.passed, found.reasons, found.lost) == (True, (), ())
    precision, recall, _ = found.changes
    assert (precision.before, precision.after, precision.low, precision.high) == (40 / 45, 40 / 45, 0.0, 0.0)
    assert recall.before == 40 / 49


def test_a_clear_fall_of_precision_is_refused_and_told():
    current, candidate = side(many("k", 95, 5)), mix(side(many("k", 95, 5)), 0.2)
    found = decide(current, candidate, RULES)
    assert not found.passed
    assert any(reason.startswith("precision falls from 0.9500 to") for reason in found.reasons)
    assert found.changes[0].high < 0


def test_a_fall_of_recall_alone_is_refused():
    rows = many("k", 100, 0)
    fewer = [(key, 0, 0, 1) if n % 8 == 0 else (key, r, w, m) for n, (key, r, w, m) in enumerate(rows)]
    found = decide(side(rows), side(fewer), RULES)
    assert [reason.split()[0] for reason in found.reasons] == ["recall"]


def test_a_small_fall_within_noise_is_let_through_and_a_larger_one_is_not():
    rows = many("a", 600, 60) + many("b", 600, 60)
    current = side(rows)
    worse = [replace(pair, right=0, wrong=1) if n in (3, 7, 11) else pair for n, pair in enumerate(current)]
    better = [replace(pair, right=1, wrong=0) if n in (603, 607) else pair for n, pair in enumerate(worse)]
    noise = decide(current, better, RULES)
    precision = noise.changes[0]
    assert 0 < precision.before - precision.after < RULES.most_drop < precision.noise
    assert precision.holds and noise.passed
    # Within noise too, but by more than half a point.
    swapped = [
        replace(pair, right=0, wrong=1) if pair.right and n % 40 == 0 else pair
        for n, pair in enumerate(current)
    ]
    assert decide(current, swapped, RULES).changes[0].holds is False
    lenient = decide(current, swapped, replace(RULES, most_drop=1.0)).changes[0]
    assert lenient.holds is (lenient.before - lenient.after <= lenient.noise)


def test_a_small_fall_of_a_figure_without_noise_is_refused():
    current = [PairResult("s", f"f{n}", "k", 10, 0, 0) for n in range(400)]
    worse = [replace(pair, right=9, wrong=1) if n % 25 == 0 else pair for n, pair in enumerate(current)]
    found = decide(current, worse, RULES)
    assert found.changes[0].before - found.changes[0].after == pytest.approx(0.004)
    assert (found.changes[0].noise, found.changes[0].holds, found.passed) == (0.0, False, False)


@pytest.mark.parametrize(("wrong", "lost"), [(5, False), (6, True), (0, False)])
def test_a_key_is_lost_beyond_five_points(wrong, lost):
    current = side(many("k", 100, 0) + many("big", 1_000, 100))
    candidate = side(many("k", 100 - wrong, wrong) + many("big", 1_050, 50))
    found = decide(current, candidate, RULES)
    assert [key.key_id for key in found.lost] == (["k"] if lost else [])
    assert found.passed is not lost


def test_a_share_of_keys_may_be_lost():
    rows = [row for n in range(250) for row in many(f"k{n}", 30, 3)]
    ruined = {f"k{n}" for n in range(2)}

    mended = {f"k{n}" for n in range(50, 100)}

    def spoil(keys):
        spoiled = [
            (key, 0, 1, 0) if key in keys and n % 5 == 0 else (key, *counts)
            for n, (key, *counts) in enumerate(rows)
        ]
        return [(key, 1, 0, 0) if key in mended else (key, *counts) for key, *counts in spoiled]

    assert decide(side(rows), side(spoil(ruined)), RULES).passed, "2 of 250 are .8 %"
    refused = decide(side(rows), side(spoil(ruined | {"k2"})), RULES)
    assert any("3 of 250 keys (1.2 %) lose more than 5 points" in reason for reason in refused.reasons)


def test_keys_without_support_are_not_judged():
    current = side(many("k", 29, 0) + many("big", 300, 0))
    candidate = side(many("k", 0, 29) + many("big", 300, 0))
    assert [key.key_id for key in decide(current, candidate, RULES).keys] == ["big"]


def test_a_key_that_falls_silent_is_lost():
    current = side(many("k", 40, 4) + many("big", 3_000, 500))
    candidate = side([("k", 0, 0, 1)] * 44 + many("big", 3_100, 400))
    (lost,) = decide(current, candidate, RULES).lost
    assert (lost.key_id, lost.after, lost.stated_after) == ("k", None, 0)


def test_the_same_key_of_two_sets_is_two_keys():
    pairs = side(many("k", 40, 0), "a") + side(many("k", 40, 0), "b")
    assert len(decide(pairs, pairs, RULES).keys) == 2


def test_nothing_to_judge_by_is_refused():
    assert "no key has 30 stated values" in decide([], [], RULES).reasons[0]
    assert not decide(side(many("k", 3, 0)), side(many("k", 3, 0)), RULES).passed


def test_sides_of_different_pairs_are_refused():
    with pytest.raises(ValueError, match="the same pairs"):
        decide(side(many("k", 2, 0)), side(many("k", 1, 0)), RULES)


pairs = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)),
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_a_version_always_passes_against_itself(rows):
    current = side([(key, *counts) for key, counts, _ in rows])
    found = decide(current, current, SMALL)
    assert found.passed == bool(found.keys)


@settings(max_examples=150, deadline=None)
@given(pairs, st.data())
def test_an_answer_put_right_never_turns_a_pass_into_a_refusal(rows, data):
    current = side([(key, *counts) for key, counts, _ in rows])
    candidate = side([(key, *counts) for key, _, counts in rows])
    wrong = [n for n, pair in enumerate(candidate) if pair.wrong]
    if not wrong:
        return
    place = data.draw(st.sampled_from(wrong))
    pair = candidate[place]
    better = list(candidate)
    better[place] = replace(pair, right=pair.right + 1, wrong=pair.wrong - 1)
    if decide(current, candidate, SMALL).passed:
        assert decide(current, better, SMALL).passed


@settings(max_examples=100, deadline=None)
@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(rows, shuffler):
    both = [(PairResult("s", key, key, *one), PairResult("s", key, key, *other)) for key, one, other in rows]
    shuffled = list(both)
    shuffler.shuffle(shuffled)
    decisions = [decide([b for b, _ in some], [a for _, a in some], SMALL) for some in (both, shuffled)]
    assert decisions[0] == decisions[1]


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_reasons_are_there_exactly_where_it_is_refused(rows):
    current = side([(key, *counts) for key, counts, _ in rows])
    candidate = side([(key, *counts) for key, _, counts in rows])
    found = decide(current, candidate, SMALL)
    assert found.passed == (not found.reasons)
    broken = [change for change in found.changes if change.holds is False]
    too_many = len(found.lost) > SMALL.key_share * len(found.keys)
    assert len(found.reasons) == len(broken) + too_many + (not found.keys)
