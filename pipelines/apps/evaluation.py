"""Evaluation of recognition on a labelled set (L8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.apps.scoring import MISSED, RIGHT, TOO_FEW, Judgement, Score, judge
from pipelines.apps.trust import (
    Bin,
    Claim,
    CurvePoint,
    Trust,
    calibration_error,
    curve,
    recall_at,
    reliability,
    trust,
)
from pipelines.library.answers import Answer, ItemAnswers
from pipelines.ontology.snapshot import Snapshot
from schemas.gold import GoldPair
from schemas.listing import Listing
from udfs.text import fold

PRECISIONS = (0.90, 0.94, 0.95)
MOST_ERRORS = 50
UNKNOWN = "(unknown)"


@dataclass(frozen=True, slots=True)
class Case:
    """One pair that is not right."""

    item_id: str
    key_id: str
    category_id: str
    kind: str
    gold: tuple[str, ...]
    answer: Answer | None

    @property
    def confidence(self) -> float:
        """How sure the wrong answer was; 0 where there was none."""
        return self.answer.confidence if self.answer else 0.0

    @property
    def says_wrong(self) -> bool:
        """Whether a value is wrong; else values are only missed."""
        return self.kind not in (MISSED, TOO_FEW)


@dataclass(frozen=True, slots=True)
class Density:
    """How much is known per SKU, beside what merchants state."""

    items: int
    attributes: int
    triples: int
    merchant_triples: int

    @property
    def attributes_per_sku(self) -> float:
        """Attributes with at least one value, per item."""
        return self.attributes / max(1, self.items)

    @property
    def triples_per_sku(self) -> float:
        """Values, per item."""
        return self.triples / max(1, self.items)

    @property
    def merchant_triples_per_sku(self) -> float:
        """Attributes that merchants filled in, per item; each is one triple."""
        return self.merchant_triples / max(1, self.items)

    @property
    def ratio(self) -> float | None:
        """Triples found per triple of the merchants; None where merchants state none."""
        return self.triples / self.merchant_triples if self.merchant_triples else None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores of one labelled set.

    `points` are by the chance of each value where the recogniser tells it, as an operating point decides by that.
    `trust_*` and `bins` are of the confidence that rows carry: that a stated value is right; that nothing is stated (None
    where gold never says so: such labels are of what is stated alone); and of all rows together.
    """

    overall: Score
    per_key: Mapping[str, Score]
    per_category: Mapping[str, Score]
    per_value_kind: Mapping[str, Score]
    per_method: Mapping[str, Score]
    errors: Mapping[str, int]
    points: tuple[CurvePoint, ...]
    recall_at_precision: Mapping[float, float]
    bins: tuple[Bin, ...]
    calibration_error: float
    trust_stated: Trust | None
    trust_not_stated: Trust | None
    trust_all: Trust | None
    worst: tuple[Case, ...]
    density: Density
    items_without_answers: tuple[str, ...]


@dataclass(slots=True)
class _Sums:
    per_key: dict[str, Score] = field(default_factory=dict)
    per_category: dict[str, Score] = field(default_factory=dict)
    per_value_kind: dict[str, Score] = field(default_factory=dict)
    per_method: dict[str, Score] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    values: list[Claim] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    nothing: list[Claim] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)


def score(
    gold: Sequence[GoldPair],
    predictions: Iterable[ItemAnswers],
    listings: Iterable[Listing],
    ontology: Snapshot,
) -> Evaluation:
    """Score answers as interchange.md says: micro precision, recall and F1 over all pairs of gold.

    A pair of gold without an answer counts as "not stated"; answers to pairs that gold does not have count
    only in `density`. An item without a category is judged in the one it was recognised in.
    Source: paper section 4 (test set); interchange.md.
    """
    by_item = {found.item_id: found for found in predictions}
    by_id = {listing.item_id: listing for listing in listings}
    answers = {(item_id, a.key_id): a for item_id, found in by_item.items() for a in found.answers}
    kinds = {link.key.key_id: link.key.value_kind for link in ontology.links()}
    overall, sums = Score(), _Sums()
    for pair in gold:
        answer = answers.get((pair.item_id, pair.key_id))
        found = judge(pair.values, answer.values if answer else ())
        category_id = _category_of(by_id.get(pair.item_id), by_item.get(pair.item_id))
        overall = overall.plus(found)
        _add(sums, pair, answer, found, category_id, _kind_of(ontology, kinds, category_id, pair.key_id))
    true_values = overall.true_positives + overall.false_negatives
    points, bins = curve(sums.values, true_values), reliability(sums.claims)
    nothing = sums.nothing if any(not pair.values for pair in gold) else []
    return Evaluation(
        overall=overall,
        per_key=_by_size(sums.per_key),
        per_category=_by_size(sums.per_category),
        per_value_kind=_by_size(sums.per_value_kind),
        per_method=_by_size(sums.per_method),
        errors=dict(sums.errors.most_common()),
        points=points,
        recall_at_precision={precision: recall_at(points, precision) for precision in PRECISIONS},
        bins=bins,
        calibration_error=calibration_error(bins),
        trust_stated=trust(sums.claims),
        trust_not_stated=trust(nothing),
        trust_all=trust([*sums.claims, *nothing]),
        worst=_worst(sums.cases),
        density=density(by_item.values(), by_id),
        items_without_answers=tuple(sorted({pair.item_id for pair in gold} - by_item.keys())),
    )


def density(found: Iterable[ItemAnswers], listings: Mapping[str, Listing]) -> Density:
    """Attributes and triples per SKU, found and given by the merchant."""
    items = attributes = triples = merchant = 0
    for item in found:
        items += 1
        attributes += sum(bool(answer.values) for answer in item.answers)
        triples += sum(len(answer.values) for answer in item.answers)
        if item.item_id in listings:
            merchant += sum(bool(text.strip()) for text in listings[item.item_id].attributes.values())
    return Density(items, attributes, triples, merchant)


def _add(
    sums: _Sums, pair: GoldPair, answer: Answer | None, found: Judgement, category_id: str, value_kind: str
) -> None:
    method = answer.method if answer else "none"
    for table, name in (
        (sums.per_key, pair.key_id),
        (sums.per_category, category_id),
        (sums.per_value_kind, value_kind),
        (sums.per_method, method),
    ):
        table[name] = table.get(name, Score()).plus(found)
    if answer:
        _claim(sums, pair, answer, found)
    if found.kind != RIGHT:
        sums.errors[found.kind] += 1
        sums.cases.append(Case(pair.item_id, pair.key_id, category_id, found.kind, pair.values, answer))


def _claim(sums: _Sums, pair: GoldPair, answer: Answer, found: Judgement) -> None:
    """Take note of what an answer claims, and how sure it is of it."""
    if not answer.values:
        sums.nothing.append(Claim(answer.confidence, not pair.values))
    chances = {
        fold(value): chance
        for value, chance in zip(answer.values, answer.chances, strict=bool(answer.chances))
    }
    for values, is_right in ((found.right, True), (found.wrong, False)):
        for value in sorted(values):
            sums.claims.append(Claim(answer.confidence, is_right))
            sums.values.append(Claim(chances.get(value, answer.confidence), is_right))


def _category_of(listing: Listing | None, found: ItemAnswers | None) -> str:
    if listing is not None and listing.category_id is not None:
        return listing.category_id
    return found.category_id if found is not None else UNKNOWN


def _kind_of(ontology: Snapshot, elsewhere: Mapping[str, str], category_id: str, key_id: str) -> str:
    """The kind of a key where the item is; where it has no such key (it was put wrongly), as elsewhere."""
    own = ontology.keys_of(category_id) if category_id in ontology.categories else ()
    kinds = (link.key.value_kind for link in own if link.key.key_id == key_id)
    return next(kinds, elsewhere.get(key_id, UNKNOWN))


def _by_size(table: Mapping[str, Score]) -> dict[str, Score]:
    return dict(sorted(table.items(), key=lambda entry: (-entry[1].pairs, entry[0])))


def _worst(cases: Sequence[Case]) -> tuple[Case, ...]:
    """The surest errors: half of them wrong values, half of them values that were missed."""
    surest = sorted(cases, key=lambda case: (-case.confidence, case.item_id, case.key_id))
    wrong = [case for case in surest if case.says_wrong]
    missed = [case for case in surest if not case.says_wrong]
    return (*wrong[:MOST_ERRORS], *missed[:MOST_ERRORS])
