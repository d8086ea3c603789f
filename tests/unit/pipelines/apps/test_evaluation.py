"""Scores follow interchange.md, whatever the answers."""

from collections import defaultdict

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.apps.evaluation import Evaluation, score
from pipelines.apps.evaluation_json import evaluation_json
from pipelines.apps.scoring import judge
from pipelines.apps.trust import Bin, Claim, calibration_error, curve, recall_at, reliability, trust
from pipelines.library.answers import Answer, ItemAnswers
from pipelines.ontology.snapshot import CategoryKey, Snapshot
from schemas.gold import GoldPair
from schemas.listing import Listing
from schemas.ontology import AttributeKey, Category


def answer(key_id: str, *values: str, confidence: float = 0.9, method: str = "ranker") -> Answer:
    return Answer(key_id, values, ("",) * len(values), (), confidence, method)


def item(item_id: str, *answers: Answer, category_id: str = "tea") -> ItemAnswers:
    return ItemAnswers(item_id, category_id, 1.0, answers)


ONTOLOGY = Snapshot(
    "v1",
    {
        "drinks": Category("drinks", "Drinks"),
        "tea": Category("tea", "Tea", "drinks"),
        "pots": Category("pots", "Pots"),
    },
    {
        "drinks": tuple(
            CategoryKey(AttributeKey("drinks", name, name, value_kind=kind), "")
            for name, kind in (("form", "enumerated"), ("weight", "measure"), ("sku", "identifier"))
        )
    },
    {},
)
GOLD = [
    GoldPair("a", "form", ("Loose  Leaf", "Organic")),
    GoldPair("a", "weight", ("250 g",)),
    GoldPair("a", "sku", ()),
    GoldPair("b", "form", ()),
    GoldPair("b", "weight", ("1 kg",)),
    GoldPair("absent", "form", ("bags",)),
]
LISTINGS = [
    Listing("a", "Loose leaf tea", category_id="tea", attributes={"Form": "loose", "Empty": " "}),
    Listing("b", "A pot"),
]
ANSWERS = [
    item(
        "a",
        answer("form", "loose leaf", "LOOSE LEAF", "green", confidence=0.8),
        answer("weight", "250  G", confidence=0.95, method="extraction"),
        answer("sku"),
        answer("unscored", "x", "y"),
    ),
    item(
        "b", answer("form", "ceramic", confidence=0.7), answer("weight", confidence=0.6), category_id="pots"
    ),
]


@pytest.fixture
def evaluation() -> Evaluation:
    return score(GOLD, ANSWERS, LISTINGS, ONTOLOGY)


def test_micro_scores_over_all_pairs_of_gold(evaluation: Evaluation) -> None:
    overall = evaluation.overall
    # Right: loose leaf, 250 g. Wrong: green, ceramic. Missed: organic, 1 kg, bags.
    assert (overall.true_positives, overall.false_positives, overall.false_negatives) == (2, 2, 3)
    assert (overall.pairs, overall.precision, overall.recall) == (6, 0.5, 0.4)
    assert overall.f1 == pytest.approx(4 / 9)


def test_scores_by_key_category_kind_and_method(evaluation: Evaluation) -> None:
    def counts(table: str, name: str) -> tuple[int, int, int, int]:
        found = getattr(evaluation, table)[name]
        return found.pairs, found.true_positives, found.false_positives, found.false_negatives

    assert counts("per_key", "form") == (3, 1, 2, 2)
    assert counts("per_key", "weight") == (2, 1, 0, 1)
    assert list(evaluation.per_key) == ["form", "weight", "sku"]
    assert counts("per_category", "tea") == (3, 2, 1, 1)
    assert counts("per_category", "pots") == (2, 0, 1, 1), (
        "an item without category is judged where it was put"
    )
    assert counts("per_category", "(unknown)") == (1, 0, 0, 1)
    assert counts("per_value_kind", "measure") == (2, 1, 0, 1), "keys of tea are those of its parent"
    assert counts("per_value_kind", "enumerated") == (3, 1, 2, 2), "pots has no keys: as elsewhere"
    assert counts("per_method", "extraction") == (1, 1, 0, 0)
    assert counts("per_method", "none") == (1, 0, 0, 1)


def test_errors_are_listed_the_surest_first(evaluation: Evaluation) -> None:
    assert evaluation.errors == {"missed": 2, "partly wrong": 1, "not in the item": 1}
    assert [(case.item_id, case.key_id, case.kind) for case in evaluation.worst] == [
        ("a", "form", "partly wrong"),
        ("b", "form", "not in the item"),
        ("b", "weight", "missed"),
        ("absent", "form", "missed"),
    ]
    assert evaluation.items_without_answers == ("absent",)


def test_an_incomplete_answer_is_missed_not_wrong() -> None:
    gold = [GoldPair("a", "form", ("x", "y")), GoldPair("b", "form", ("x",))]
    found = score(gold, [item("a", answer("form", "x")), item("b", answer("form", "z"))], [], ONTOLOGY)
    assert [(case.kind, case.says_wrong) for case in found.worst] == [
        ("wrong value", True),
        ("too few", False),
    ]


def test_per_sku_beside_merchant_data(evaluation: Evaluation) -> None:
    density = evaluation.density
    assert (density.items, density.attributes_per_sku, density.triples_per_sku) == (2, 2.0, 3.5)
    assert (density.merchant_triples_per_sku, density.ratio) == (0.5, 7.0)
    assert score(GOLD, ANSWERS, [], ONTOLOGY).density.ratio is None


def test_curve_and_recall_at_precision(evaluation: Evaluation) -> None:
    found = [(point.threshold, point.precision, point.recall) for point in evaluation.points]
    assert found == [(0.95, 1.0, 0.2), (0.8, 2 / 3, 0.4), (0.7, 0.5, 0.4)]
    assert evaluation.recall_at_precision == {0.90: 0.2, 0.94: 0.2, 0.95: 0.2}


def test_json_has_the_keys_that_programs_read(evaluation: Evaluation) -> None:
    found = evaluation_json(evaluation, {"model": "m"})
    assert {"precision", "recall", "f1", "pairs", "per_key", "per_category"} <= found.keys()
    assert (found["precision"], found["recall"], found["f1"], found["pairs"]) == (0.5, 0.4, 0.4444, 6)
    assert found["per_key"]["weight"]["recall"] == 0.5
    assert found["per_sku"]["ratio"] == 7.0
    assert found["worst"][0]["predicted"] == ["loose leaf", "LOOSE LEAF", "green"]
    assert found["about"] == {"model": "m"}


def test_nothing_predicted_scores_nothing() -> None:
    empty = score(GOLD, [], [], ONTOLOGY)
    assert (empty.overall.precision, empty.overall.recall, empty.overall.f1) == (0.0, 0.0, 0.0)
    assert (empty.points, empty.bins, empty.recall_at_precision[0.90]) == ((), (), 0.0)


@pytest.mark.parametrize(
    ("gold", "predicted", "kind"),
    [
        (["a"], ["A "], "right"),
        ([], [], "right"),
        (["a"], [], "missed"),
        ([], ["a"], "not in the item"),
        (["a"], ["b"], "wrong value"),
        (["a", "b"], ["a"], "too few"),
        (["a"], ["a", "b"], "too many"),
        (["a", "b"], ["a", "c"], "partly wrong"),
        (["stainless\n steel"], ["Stainless Steel"], "right"),
    ],
)
def test_kinds_of_error(gold: list[str], predicted: list[str], kind: str) -> None:
    assert judge(gold, predicted).kind == kind


_values = st.lists(st.sampled_from(["a", "A", " b", "b", "c c", "C  c"]), max_size=4)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.tuples(st.sampled_from("xyz"), st.sampled_from("klm")), st.tuples(_values, _values))
)
def test_agrees_with_a_naive_scorer(pairs: dict[tuple[str, str], tuple[list[str], list[str]]]) -> None:
    gold = [GoldPair(i, k, tuple(true)) for (i, k), (true, _) in pairs.items()]
    by_item = defaultdict(list)
    for (i, k), (_, said) in pairs.items():
        by_item[i].append(answer(k, *said))
    found = score(gold, [item(i, *answers) for i, answers in by_item.items()], [], ONTOLOGY).overall

    right = wrong = missed = 0
    for true, said in pairs.values():
        folded_true = {" ".join(value.lower().split()) for value in true}
        folded_said = {" ".join(value.lower().split()) for value in said}
        for value in folded_said:
            right += value in folded_true
            wrong += value not in folded_true
        missed += sum(value not in folded_said for value in folded_true)
    assert (found.true_positives, found.false_positives, found.false_negatives) == (right, wrong, missed)
    assert found.pairs == len(pairs)


def test_recall_at_takes_the_best_threshold_not_the_first() -> None:
    claims = [Claim(0.9, False), Claim(0.8, True), Claim(0.7, True), Claim(0.6, True), Claim(0.5, False)]
    points = curve(claims, 4)
    assert recall_at(points, 0.75) == 0.75
    assert recall_at(points, 0.76) == 0.0


def test_reliability_bins_and_calibration_error() -> None:
    claims = [Claim(1.0, True), Claim(0.92, True), Claim(0.98, False), Claim(0.12, False)]
    bins = reliability(claims)
    assert [(found.count, found.right) for found in bins] == [(1, 0.0), (3, pytest.approx(2 / 3))]
    assert bins[1].confidence == pytest.approx(2.9 / 3)
    assert calibration_error([Bin(1, 0.5, 1.0), Bin(3, 0.9, 0.8)]) == pytest.approx(0.2)


def test_expected_calibration_error_by_width_and_by_mass() -> None:
    claims = [Claim(0.95, True)] * 30 + [Claim(0.97, False)] * 15
    found = trust(claims)
    assert found is not None
    assert (found.claims, len(found.bins)) == (45, 1)
    assert found.ece == pytest.approx(abs((30 * 0.95 + 15 * 0.97) / 45 - 30 / 45))
    assert found.ece_equal_mass == pytest.approx((30 * 0.05 + 15 * 0.97) / 45), (
        "a crowded bin hides nothing here"
    )
    assert trust([]) is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_expected_calibration_error_agrees_with_its_definition(rows: list[tuple[float, bool]]) -> None:
    found = trust(Claim(*row) for row in rows)
    assert found is not None
    naive = 0.0
    for number in range(15):
        inside = [
            (c, r) for c, r in rows if number / 15 <= c < (number + 1) / 15 or (number == 14 and c == 1.0)
        ]
        if inside:
            naive += abs(sum(c for c, _ in inside) - sum(r for _, r in inside)) / len(rows)
    assume(all(abs(c * 15 - round(c * 15)) > 1e-9 for c, _ in rows))  # on an edge, rounding decides the bin
    assert found.ece == pytest.approx(naive)
    assert sum(part.count for part in found.bins) == len(rows)


def test_rows_that_say_nothing_are_claims_too(evaluation: Evaluation) -> None:
    stated, nothing, everything = evaluation.trust_stated, evaluation.trust_not_stated, evaluation.trust_all
    assert stated is not None and nothing is not None and everything is not None
    assert (stated.claims, nothing.claims, everything.claims) == (4, 2, 6)
    # "sku" says at .9 that nothing is stated, and is right; "weight" of b says so at .6, and is not.
    assert nothing.ece == pytest.approx((abs(0.9 - 1) + abs(0.6 - 0)) / 2)
    found = evaluation_json(evaluation, {})
    assert found["ece"] == round(everything.ece, 4)
    assert found["trust"]["not_stated"]["claims"] == 2
    assert found["recall_at_precision"].keys() == {"0.90", "0.94", "0.95"}


def test_gold_that_never_says_nothing_cannot_judge_not_stated() -> None:
    gold = [GoldPair("a", "form", ("x",)), GoldPair("a", "weight", ("y",))]
    found = score(gold, [item("a", answer("form", "x"), answer("weight"))], [], ONTOLOGY)
    assert found.trust_not_stated is None
    assert found.trust_all == found.trust_stated
    assert evaluation_json(found, {})["trust"]["not_stated"] is None


def test_the_curve_is_by_the_chance_of_each_value_and_trust_by_that_of_the_row() -> None:
    several = Answer("form", ("X", "y"), ("", ""), (), 0.5, "ranker", "", (0.9, 0.5))
    found = score([GoldPair("a", "form", ("x",))], [item("a", several)], [], ONTOLOGY)
    assert [(point.threshold, point.precision) for point in found.points] == [(0.9, 1.0), (0.5, 0.5)]
    assert found.trust_stated is not None
    assert [(part.count, part.confidence) for part in found.trust_stated.bins] == [(2, 0.5)]
