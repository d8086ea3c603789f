"""The joint weights: they help where the discriminator knows more, and are refused on too little."""

import random

import pytest

from pipelines.models.cascade_fit import HIGHS, KEPT_GAIN, LOWS, Opinion, fit_mixture, fit_open_range


def opinions(count, knows, seed=1):
    """Pairs of three candidates, one true; the ranker is unsure, the discriminator says what it `knows`."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        true = [False, False, False]
        true[rng.randrange(3)] = True
        ranked = [rng.uniform(0.2, 0.7) for _ in true]
        said = [(0.9 if t else 0.1) if knows else rng.random() for t in true]
        found.append(Opinion(ranked, said, true, 0))
    return found


def test_a_discriminator_that_knows_gets_weight_and_helps():
    fitted = fit_mixture(opinions(200, knows=True), 0.5)
    assert fitted.mix[2] > 0.5
    assert fitted.f1_both > 0.98 > fitted.f1_ranker
    assert fitted.pairs == 200


def test_noise_gets_no_weight():
    fitted = fit_mixture(opinions(400, knows=False), 0.5)
    assert abs(fitted.mix[2]) < 0.2


def test_missed_values_count_against_both():
    rich = [Opinion(o.ranked, o.said, o.true, 1) for o in opinions(200, knows=True)]
    assert fit_mixture(rich, 0.5).f1_both == pytest.approx(2 / 3, abs=0.02)


def test_too_few_pairs_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fit_mixture(opinions(10, knows=True), 0.5)


def test_only_what_is_worth_asking_is_open():
    sure = [Opinion((0.7,), (0.5,), (True,), 0) for _ in range(200)]
    unsure = opinions(200, knows=True)
    found = fit_open_range(sure + unsure, 0.5)
    assert found.low < 0.5 < found.high <= 0.7
    alone, both = fit_mixture(sure + unsure, 0.5).f1_ranker, fit_mixture(unsure, 0.5).f1_both
    # Nearly all the unsure ones, and none of the sure: the last of what asking gains is not worth its questions.
    assert 0.4 < found.share <= 0.5 and both > 0.98
    assert found.f1 - alone > KEPT_GAIN * (1.0 - alone) - 0.02


def test_a_discriminator_that_knows_nothing_is_asked_as_little_as_can_be():
    found = fit_open_range(opinions(400, knows=False), 0.5)
    wide = [low for low in LOWS if low < 0.5], [high for high in HIGHS if high > 0.5]
    assert (found.low, found.high) == (max(wide[0]), min(wide[1]))
