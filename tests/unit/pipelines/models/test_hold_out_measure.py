"""How answers on held-out pairs are counted, by a set whose every answer is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from pipelines.library.answers import Answer, ItemAnswers
from pipelines.models.hold_out import CATEGORY, KEYS, REST, VALUES, HeldOut, Labels
from pipelines.models.hold_out_measure import ALL_UNSEEN, joined, losses, results
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from schemas.gold import GoldPair
from schemas.listing import Listing
from schemas.ontology import AttributeKey, Category

HELD = HeldOut(frozenset({"red", "pink"}), frozenset({"size"}), frozenset({"hat"}))
ONTOLOGY = Snapshot(
    "v1",
    {"shirt": Category("shirt", "Shirts"), "hat": Category("hat", "Hats")},
    {
        name: (
            CategoryKey(AttributeKey(name, "color", "Color"), "colors"),
            CategoryKey(AttributeKey(name, "size", "Size"), "sizes"),
        )
        for name in ("shirt", "hat")
    },
    {
        "colors": ValueSet("colors", "Color", (Value("1", "Red"), Value("2", "Blue", 3))),
        "sizes": ValueSet("sizes", "Size", (Value("3", "M"), Value("4", "L"))),
    },
)
GOLD = {
    "a": {"color": ["Red"], "size": ["M"]},
    "b": {"color": ["Blue"], "size": ["L"]},
    "c": {"color": ["red", "Blue"], "size": []},
    "d": {"color": ["Pink"]},  # held out elsewhere: this ontology never had it, so it is new to both
    "h": {"color": ["Blue"], "size": ["M"]},
}
Said = Mapping[str, Mapping[str, Sequence[str]]]


def labels() -> Labels:
    listings = [
        Listing(item_id, "a title", category_id="hat" if item_id == "h" else "shirt") for item_id in GOLD
    ]
    gold = [
        GoldPair(item_id, key_id, tuple(values))
        for item_id, keys in GOLD.items()
        for key_id, values in keys.items()
    ]
    return Labels(ONTOLOGY, [*gold, GoldPair("elsewhere", "color", ("Red",))], listings)


def answers(said: Said) -> list[ItemAnswers]:
    return [
        ItemAnswers(
            item_id,
            "shirt",
            1.0,
            tuple(Answer(key_id, tuple(v), (), (), 0.9, "ranker") for key_id, v in keys.items()),
        )
        for item_id, keys in said.items()
    ]


def sums(said: Said) -> dict[str, tuple[int, int, int]]:
    found = results(HELD, labels(), answers(said), "shirts")
    return {
        part: (sum(p.right for p in pairs), sum(p.wrong for p in pairs), sum(p.missed for p in pairs))
        for part, pairs in found.items()
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (GOLD, {VALUES: (2, 0, 0), KEYS: (2, 0, 0), CATEGORY: (2, 0, 0), REST: (1, 0, 0)}),
        ({}, {VALUES: (0, 0, 2), KEYS: (0, 0, 2), CATEGORY: (0, 0, 2), REST: (0, 0, 1)}),
        # A held-out value where it does not belong is wrong for VALUES, and for the pair that it was said of.
        (
            {"b": {"color": ["RED"]}},
            {VALUES: (0, 1, 2), KEYS: (0, 0, 2), CATEGORY: (0, 0, 2), REST: (0, 1, 1)},
        ),
        # Of a pair with a held-out value only the answers that are held-out values count.
        (
            {"a": {"color": ["Blue"]}, "c": {"color": ["Red"]}},
            {VALUES: (1, 0, 1), KEYS: (0, 0, 2), CATEGORY: (0, 0, 2), REST: (0, 0, 1)},
        ),
        # Whole keys and categories: all answers, also where nothing is stated.
        (
            {"c": {"size": ["M"]}, "h": {"color": ["Red"], "size": ["M", "L"]}},
            {VALUES: (0, 0, 2), KEYS: (0, 1, 2), CATEGORY: (1, 2, 1), REST: (0, 0, 1)},
        ),
    ],
)
def test_what_counts_where(said, expected):
    assert sums(said) == expected


def test_what_is_lost_is_told_in_points_of_the_same_pairs():
    seen = results(HELD, labels(), answers(GOLD), "shirts")
    blind = results(HELD, labels(), answers({"a": GOLD["a"], "b": GOLD["b"]}), "shirts")
    found = {loss.part: loss for loss in losses(seen, blind)}
    assert {part: (one.gold, one.seen) for part, one in found.items()} == {
        VALUES: (2, 1.0), KEYS: (2, 1.0), CATEGORY: (2, 1.0), ALL_UNSEEN: (6, 1.0), REST: (1, 1.0),
    }  # fmt: skip
    assert {part: round(one.points, 1) for part, one in found.items()} == {
        VALUES: 33.3, KEYS: 0.0, CATEGORY: 100.0, ALL_UNSEEN: 33.3, REST: 0.0,
    }  # fmt: skip
    for one in found.values():
        assert one.low <= one.points <= one.high
        assert one.points == pytest.approx(100 * (one.seen - one.blind))


def test_sets_together_are_their_pairs_together():
    one = results(HELD, labels(), answers(GOLD), "one")
    two = results(HELD, labels(), [], "two")
    both = joined([one, two])
    assert {part: len(pairs) for part, pairs in both.items()} == {
        part: 2 * len(pairs) for part, pairs in one.items()
    }
    assert losses(both, both)[0].seen == pytest.approx(2 / 3)


def test_parts_without_a_true_value_are_left_out_and_other_pairs_refused():
    none = HeldOut(frozenset(), frozenset(), frozenset())
    seen = results(none, labels(), answers(GOLD), "shirts")
    assert [loss.part for loss in losses(seen, seen)] == [REST]
    with pytest.raises(ValueError, match="the same pairs"):
        losses(seen, results(HELD, labels(), answers(GOLD), "shirts"))
