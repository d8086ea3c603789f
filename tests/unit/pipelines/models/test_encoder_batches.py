"""Batches of contrastive training: mined negatives, what is no sure negative, and that a batch can be made again."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from pipelines.models.encoder_batches import BatchConfig, Batches, Vectors
from pipelines.models.encoder_data import training_data
from pipelines.models.encoder_recall import recall_at
from pipelines.models.encoder_records import Anchor, Asked, EncoderData, HoldOut
from tests.unit.pipelines.models.words import catalog, word_vectors

CFG = BatchConfig(negatives=2, pool=2, twin=0.95)


def turned(degrees: float) -> np.ndarray:
    return np.float32([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def colours() -> tuple[EncoderData, Vectors]:
    """An item at 0 degrees that is red (at 40); wrong colours nearer and farther, one of them named, one a twin of red."""
    entries = {"Red": 40, "Crimson": 42, "Pink": 5, "Blue": 15, "Green": 60, "Black": 170}
    data = EncoderData([tuple(entries)], [Anchor("item", "a", (Asked(0, (0,), (False,)),), ("Pink",))])
    vectors = Vectors({name: turned(angle) for name, angle in entries.items()} | {"item": turned(0)})
    return data, vectors


def batches(data: EncoderData, vectors: Vectors, cfg: BatchConfig = CFG) -> Batches:
    return Batches(data, vectors, Vectors(dict(vectors.of)), cfg)


def test_the_nearest_wrong_entries_are_mined_without_doubtful_ones() -> None:
    data, vectors = colours()
    (asked,) = data.anchors[0].asked
    found = batches(data, vectors).mined(data.anchors[0], asked, 0, random.Random(0))
    # Pink is nearer but the text names it, Crimson is a twin of the true one, Black is beyond the pool.
    assert sorted(found) == ["Blue", "Green"]


def test_mining_follows_the_present_vectors_and_twins_the_first_ones() -> None:
    data, vectors = colours()
    made = batches(data, vectors)
    vectors.put(["Black", "Crimson"], np.stack([turned(1), turned(2)]))
    (asked,) = data.anchors[0].asked
    assert sorted(made.mined(data.anchors[0], asked, 0, random.Random(0))) == ["Black", "Blue"]


def test_a_question_is_scored_against_its_positive_and_sure_negatives() -> None:
    data, vectors = colours()
    data.anchors.append(Anchor("other", "a", (Asked(0, (2, 0), (True, True)),), ("Pink", "Red")))
    vectors.put(["other"], turned(5)[None])
    for number in range(20):
        made = batches(data, vectors, BatchConfig(negatives=3, pool=3, twin=0.95)).batch(number)
        names = np.array(made.texts)
        columns = names[made.columns].tolist()
        for row in range(len(made.anchors)):
            anchor = next(a for a in data.anchors if a.text == names[made.anchors[row]])
            positive = names[made.positives[row]]
            allowed = {columns[c] for c in np.flatnonzero(made.allowed[row])}
            true = {data.groups[one.group][t] for one in anchor.asked for t in one.true}
            assert positive in allowed and positive in true
            assert not (allowed - {positive}) & (true | set(anchor.mentioned))
            assert len(allowed) > 1


def test_every_anchor_comes_once_an_epoch_with_its_like() -> None:
    parts = catalog()
    data = training_data(parts.name, parts.ontology, parts.train, parts.gold, HoldOut())
    vectors = Vectors()
    found = word_vectors([*data.entries(), *(anchor.text for anchor in data.anchors)])
    vectors.put(list(found.places), found.rows)
    made = batches(data, vectors, BatchConfig())
    for epoch in (0, 1):
        order = made._order(epoch)
        assert sorted(place for part in order for place in part) == list(range(len(data.anchors)))
        assert all(len({data.anchors[place].batch for place in part}) == 1 for part in order)
    assert made._order(0) != made._order(1)
    assert max(len(part) for part in made._order(0)) <= 24


def test_a_batch_follows_from_its_number_and_the_seed() -> None:
    data, vectors = colours()
    data.anchors += [Anchor(f"item {n}", "a", (Asked(0, (n % 5,), (True,)),)) for n in range(40)]
    vectors.put([f"item {n}" for n in range(40)], np.stack([turned(7 * n) for n in range(40)]))
    one, again = batches(data, vectors), batches(data, vectors)
    again.batch(4)
    for number in (3, 1):
        assert one.batch(number).texts == again.batch(number).texts
    other = batches(data, vectors, BatchConfig(seed=1))
    assert [other.batch(n).texts for n in range(3)] != [one.batch(n).texts for n in range(3)]


def test_implied_values_are_asked_more_often_and_lone_entries_never() -> None:
    groups = [("A1", "A2"), ("B1", "B2"), ("C1",)]
    asked = (Asked(0, (0,), (True,)), Asked(1, (0,), (False,)), Asked(2, (0,), (True,)))
    data = EncoderData(groups, [Anchor("item", "a", asked)])
    names = ["A1", "A2", "B1", "B2", "C1", "item"]
    vectors = Vectors({name: turned(60 * place) for place, name in enumerate(names)})
    made = batches(data, vectors, BatchConfig(asked=1))
    asks = Counter(made.batch(n).texts[int(made.batch(n).positives[0])] for n in range(400))
    assert set(asks) == {"A1", "B1"} and 2.2 < asks["B1"] / asks["A1"] < 4.2


def test_recall_counts_true_entries_among_the_nearest_of_large_groups() -> None:
    entries = tuple(f"e{n}" for n in range(12))
    vectors = Vectors({name: turned(10 * n) for n, name in enumerate(entries)})
    vectors.put(["near", "far"], np.stack([turned(0), turned(110)]))
    anchors = [
        Anchor("near", "a", (Asked(0, (1, 11), (True, False)), Asked(1, (0,), (True,)))),
        Anchor("far", "a", (Asked(0, (11,), (False,)),)),
    ]
    found = recall_at(anchors, [entries, entries[:3]], vectors)
    assert found == {
        "recall": pytest.approx(2 / 3, abs=1e-4),
        "recall_implied": 0.5,
        "reciprocal_rank": pytest.approx((1 / 2 + 1 / 12 + 1) / 3, abs=1e-4),
    }
