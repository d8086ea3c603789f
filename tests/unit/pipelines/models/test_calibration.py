"""Calibration: chances that mean what they say, on families that no curve was fitted on; operating points that hold."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.library.calibration import (
    ANY_KIND,
    BOTH,
    DISCRIMINATOR,
    FILE,
    RANKER,
    Calibration,
    CalibrationError,
    Curve,
    OperatingPoint,
    Point,
    calibration_text,
    load_calibration,
    operating_point,
)
from pipelines.library.ranker import RankerMeta
from pipelines.models.calibration import (
    LabelledPair,
    Samples,
    TooFewSamples,
    best_threshold,
    calibrate,
    expected_calibration_error,
    fit_curves,
    nothing_samples,
    nothing_without_candidates,
    operating_points,
    value_samples,
)
from pipelines.models.calibration_card import calibration_card
from pipelines.models.calibration_picture import draw_reliability, reliability_points
from pipelines.models.calibration_routes import with_opinions
from pipelines.models.cascade_fit import Opinion
from pipelines.models.curves import FITTERS, IDENTITY
from pipelines.models.opinions import KeptOpinion, read_opinions, write_opinions
from pipelines.models.out_of_fold import PairTruth

HALF = Curve((0.0, 1.0), (0.0, 0.5))
FALLING = Curve((0.0, 1.0), (0.9, 0.1))


def calibration(**changes: object) -> Calibration:
    points = (Point(0.9, 0.6, 0.8), Point(0.94, 0.7, 0.7))
    made = Calibration(
        "c1", "r1", {RANKER: {ANY_KIND: HALF}}, {RANKER: {ANY_KIND: FALLING}}, {ANY_KIND: 0.97}, 0.4, points
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def world(count: int, distort, seed: int = 0, kinds=("enumerated",)) -> Samples:
    """Samples of which the true chance is known; a model says `distort(chance, kind)` of each."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.5, 0.5, count).clip(0.001, 0.999)
    kind = np.array(kinds)[rng.integers(0, len(kinds), count)]
    said = np.array([distort(p, k) for p, k in zip(chance, kind, strict=True)])
    families = np.array([f"f{n // 4}" for n in range(count)])
    return Samples(said, rng.random(count) < chance, kind, families)


def overconfident(p, _kind=""):
    return 1 / (1 + (1 / p - 1) ** 2.5)


def test_an_overconfident_model_is_put_right_and_its_order_is_kept():
    samples = world(6_000, overconfident)
    found = fit_curves(samples, gold=int(samples.right.sum()))
    before = expected_calibration_error(samples.p, samples.right)
    assert before > 0.08
    assert found.chosen.ece < 0.025
    assert found.chosen.method != IDENTITY
    chances = found.curves[ANY_KIND].at(np.linspace(0, 1, 200))
    assert (np.diff(chances) >= 0).all()


def test_a_calibrated_model_is_left_as_it_is():
    found = fit_curves(world(6_000, lambda p, _kind: p))
    assert found.chosen.method == IDENTITY
    assert found.curves[ANY_KIND] == Curve((0.0, 1.0), (0.0, 1.0))


def test_kinds_have_curves_of_their_own_where_that_is_better_on_other_families():
    def by_kind(p, kind):
        return overconfident(p) if kind == "measure" else p**0.4

    samples = world(8_000, by_kind, kinds=("measure", "enumerated"))
    gold = int(samples.right.sum())
    found = fit_curves(samples, gold)
    assert found.chosen.per_kind
    assert set(found.curves) == {ANY_KIND, "measure", "enumerated"}
    same = next(c for c in found.choices if c.method == found.chosen.method and not c.per_kind)
    assert found.chosen.recall_at[0.94] > same.recall_at[0.94] + 0.005


def test_a_rare_kind_shares_the_curve_of_all():
    samples = world(3_000, overconfident)
    kinds = samples.kinds.astype("U12").copy()
    kinds[:50] = "identifier"
    for method in FITTERS:
        found = fit_curves(replace(samples, kinds=kinds), methods=(IDENTITY, method))
        assert "identifier" not in found.curves


def test_not_stated_falls_with_the_best_candidate():
    samples = world(4_000, lambda p, _kind: 1 - p)
    found = fit_curves(samples, falling=True)
    chances = found.curves[ANY_KIND].at(np.linspace(0, 1, 100))
    assert (np.diff(chances) <= 0).all()
    assert found.chosen.ece < 0.03


def test_too_little_is_refused():
    with pytest.raises(TooFewSamples, match="label more items"):
        fit_curves(world(50, overconfident))
    with pytest.raises(TooFewSamples):
        fit_curves(replace(world(500, overconfident), right=np.ones(500, np.bool_)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=4, max_size=60),
    st.sampled_from(sorted(FITTERS)),
    st.booleans(),
)
def test_every_curve_is_a_monotone_map_into_0_to_1(rows, method, falling):
    p, right = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if right.all() or not right.any():
        right[0] = not right[0]
    curve = FITTERS[method](p, right, falling)
    chances = curve.at(np.linspace(0, 1, 101))
    assert ((chances >= 0) & (chances <= 1)).all()
    steps = np.diff(chances)
    assert (steps <= 1e-6).all() if falling else (steps >= -1e-6).all()


def pair(p, is_value, gold, kind="enumerated", multi=True, family="f"):
    return LabelledPair(PairTruth("i", "k", family, tuple(p), tuple(is_value), gold), kind, multi)


def test_what_could_be_stated_is_what_is_calibrated():
    pairs = [
        pair([0.9, 0.8, 0.7, 0.001], [0, 0, -1, 1], 2),
        pair([0.3, 0.6], [0, -1], 1, multi=False),
        pair([], [], 0),
    ]
    found = value_samples(pairs)
    assert found.p.tolist() == [0.9, 0.7, 0.6], (
        "repeated and hopeless candidates and second bests are not stated"
    )
    assert found.right.tolist() == [True, False, False]
    none = nothing_samples(pairs)
    assert (none.p.tolist(), none.right.tolist()) == ([0.9, 0.6], [False, False])


def test_pairs_without_candidates_have_a_smoothed_rate():
    pairs = [pair([], [], 0)] * 9 + [pair([], [], 1)]
    assert nothing_without_candidates(pairs) == {ANY_KIND: round(9.5 / 11, 4)}
    assert nothing_without_candidates([]) == {ANY_KIND: 0.5}


def test_an_operating_point_keeps_its_precision_and_states_the_most_it_can():
    chances = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    right = np.array([True, True, False, True, False])
    points = {point.precision: point for point in operating_points(chances, right, 4)}
    assert (points[0.75].threshold, points[0.75].recall) == (0.6, 0.75)
    assert (points[0.76].threshold, points[0.76].recall) == (0.8, 0.5)
    assert best_threshold(chances, right, 4) == 0.6


def test_equal_chances_are_stated_together():
    points = operating_points(np.array([0.9, 0.5, 0.5]), np.array([True, True, False]), 2)
    assert {point.threshold for point in points if point.precision > 0.7} == {0.9}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=1))
def test_points_agree_with_a_naive_search(rows):
    chances, right = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    gold = max(1, int(right.sum()))
    found = {point.precision: point for point in operating_points(chances, right, gold)}
    for wanted in (0.7, 0.85, 0.99):
        good = [
            (sum(r for c, r in rows if c >= t) / gold, -t)
            for t in {c for c, _ in rows}
            if sum(r for c, r in rows if c >= t) / sum(c >= t for c, _ in rows) >= wanted
        ]
        assert (wanted in found) == bool(good)
        if good:
            assert found[wanted].recall == pytest.approx(max(good)[0], abs=1e-4)


def test_operating_points_are_looked_up():
    found = calibration()
    assert operating_point(found, 0.5, 0.0) == OperatingPoint(0.4, found)
    assert operating_point(found, 0.5, 0.92).threshold == 0.7
    assert operating_point(found, 0.5, 0.9).threshold == 0.6
    assert operating_point(None, 0.5, 0.0) == OperatingPoint(0.5, None)


def test_a_precision_that_nothing_reached_is_refused():
    with pytest.raises(CalibrationError, match=r"at most 0\.94: ask for less"):
        operating_point(calibration(), 0.5, 0.99)
    with pytest.raises(CalibrationError, match="fit_calibration"):
        operating_point(None, 0.5, 0.9)


def test_chances_follow_kind_and_route():
    own = Curve((0.0, 1.0), (0.2, 1.0))
    point = OperatingPoint(0.4, calibration(values={RANKER: {ANY_KIND: HALF, "measure": own}}))
    p = np.array([0.5, 1.0], np.float32)
    assert point.fair(p, "enumerated", RANKER).tolist() == [0.25, 0.5]
    assert point.fair(p, "measure", RANKER).tolist() == pytest.approx([0.6, 1.0])
    assert point.fair(p, "measure", DISCRIMINATOR).tolist() == [0.5, 1.0], (
        "what was not fitted stays as it is"
    )
    assert point.nothing(p, "measure", DISCRIMINATOR) == 0.0
    assert point.fair(p, "measure", BOTH).tolist() == pytest.approx([0.6, 1.0]), (
        "both mean what the ranker means"
    )
    own_both = replace(point.calibration, values=point.calibration.values | {BOTH: {ANY_KIND: HALF}})
    assert OperatingPoint(0.4, own_both).fair(p, "measure", BOTH).tolist() == [0.25, 0.5]
    assert point.nothing(p, "measure", RANKER) == pytest.approx(0.1)
    assert point.nothing(p[:0], "measure", RANKER) == 0.97
    assert OperatingPoint(0.4).nothing(p[:1], "", RANKER) == 0.5
    assert OperatingPoint(0.4).nothing(p[:0], "", RANKER) == 1.0


def test_a_file_gives_back_what_was_written(tmp_path):
    (tmp_path / FILE).write_text(calibration_text(calibration()), "utf-8")
    assert load_calibration(tmp_path, "r1") == calibration()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.pop("points"),
        lambda found: found.update(format=99),
        lambda found: found["values"]["ranker"][""].update(raw=[0.0, 0.0]),
        lambda found: found["values"]["ranker"][""].update(fair=[0.0, 1.5]),
        lambda found: found["no_candidate"].clear(),
        lambda found: found.update(surprise=1),
    ],
)
def test_a_damaged_file_is_told(tmp_path, spoil):
    stated = json.loads(calibration_text(calibration()))
    spoil(stated)
    (tmp_path / FILE).write_text(json.dumps(stated), "utf-8")
    with pytest.raises(CalibrationError, match="no whole calibration"):
        load_calibration(tmp_path, "r1")


def test_a_missing_file_and_another_ranker_are_told(tmp_path):
    with pytest.raises(CalibrationError, match="no whole calibration"):
        load_calibration(tmp_path, "r1")
    (tmp_path / FILE).write_text(calibration_text(calibration()), "utf-8")
    with pytest.raises(CalibrationError, match="fitted for ranker r1, here is ranker r2"):
        load_calibration(tmp_path, "r2")


def labelled(count: int, seed: int = 0) -> list[LabelledPair]:
    """Pairs of one candidate; half of the others state something that is no candidate."""
    rng, pairs = np.random.default_rng(seed), []
    for n in range(count):
        p = float(rng.beta(0.5, 0.5))
        is_true = rng.random() < p
        gold = 1 if is_true or rng.random() < 0.2 else 0
        said = overconfident(min(max(p, 0.001), 0.999))
        pairs.append(pair([said], [0 if is_true else -1], gold, family=f"f{n // 3}"))
    return pairs


def test_calibrate_gives_chances_that_hold_on_new_items(tmp_path):
    found, values, nothing = calibrate(labelled(4_000), labelled(4_000), "r1", "c1")
    point = OperatingPoint(found.threshold, found)
    fresh = labelled(4_000, seed=7)
    chances = np.array([float(point.fair(np.array(one.truth.p), one.kind, RANKER)[0]) for one in fresh])
    none = np.array([point.nothing(np.array(one.truth.p), one.kind, RANKER) for one in fresh])
    assert expected_calibration_error(chances, np.array([one.truth.is_value[0] >= 0 for one in fresh])) < 0.03
    assert expected_calibration_error(none, np.array([one.truth.gold == 0 for one in fresh])) < 0.03
    at = operating_point(found, 0.5, 0.94).threshold
    stated = chances >= at
    right = np.array([one.truth.is_value[0] >= 0 for one in fresh])
    assert right[stated].mean() == pytest.approx(0.94, abs=0.02)
    card = calibration_card(replace(found, about={"sets": ["a"], "pairs": 4_000}), values, nothing)
    assert "(chosen)" in card and "| 0.94 |" in card
    seen = labelled(4_000)
    draw_reliability(tmp_path / "r.png", (value_samples(seen), values), (nothing_samples(seen), nothing))
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")


def test_bins_of_too_few_say_nothing():
    chances = np.array([0.05] * 10 + [0.95] * 9)
    assert reliability_points(chances, np.array([True] * 5 + [False] * 14)) == ([pytest.approx(0.05)], [0.5])


def test_opinions_are_kept_for_their_ranker_and_give_curves_of_their_own(tmp_path):
    rng = np.random.default_rng(1)
    kept = []
    for n in range(600):
        truth = bool(rng.random() < 0.5)
        said = float(np.clip(rng.normal(0.7 if truth else 0.5, 0.1), 0.01, 0.99))
        kept.append(KeptOpinion(Opinion((0.5,), (said,), (truth,), 0), "enumerated", False, f"f{n}"))
    write_opinions(tmp_path / "opinions.json", "r1", kept)
    assert read_opinions(tmp_path / "opinions.json", "r2") is None
    assert read_opinions(tmp_path / "absent.json", "r1") is None
    again = read_opinions(tmp_path / "opinions.json", "r1")
    assert again is not None and [one.family for one in again] == [one.family for one in kept]
    meta = RankerMeta("r1", 1, 0.5, 0.1, 0.8, (0.0, 1.0, 1.0), "", {})
    found = with_opinions(calibration(), again, meta)
    assert set(found.values) == {RANKER, BOTH, DISCRIMINATOR} == set(found.nothing)
    alone = found.values[DISCRIMINATOR][ANY_KIND].at([0.5, 0.7])
    assert alone[0] < 0.35 and alone[1] > 0.75, "what it says is .5 to .7, what happens is far apart"
    assert with_opinions(calibration(), again[:20], meta) == calibration(), "20 pairs teach nothing"
