"""How models answer the pairs that were held out, so that two of them can be compared on the same pairs.

VALUES: only the answers that are held-out values. Right: predicted and in gold; wrong: predicted, not in gold; missed: in gold,
not predicted; over all labelled pairs of keys and categories that are not held out themselves, so a held-out value
stated where it does not belong counts. Only values that the ontology has, under that key, count: others are new to both.
KEYS, CATEGORY: all answers of all labelled pairs there. REST: all answers of the other pairs, where both models learned:
what it loses is the price of fewer labels, not of anything new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.apps.scoring import judge
from pipelines.library.answers import ItemAnswers
from pipelines.models.gate import GateRules, PairResult, decide
from pipelines.models.hold_out import CATEGORY, KEYS, REST, VALUES, HeldOut, Label, Labels, form_of
from pipelines.ontology.snapshot import CategoryKey
from udfs.split import split_group

UNSEEN = (VALUES, KEYS, CATEGORY)
ALL_UNSEEN = "all three"
PARTS = (*UNSEEN, ALL_UNSEEN, REST)
Results = Mapping[str, Sequence[PairResult]]


@dataclass(frozen=True, slots=True)
class Loss:
    """F1 of the same pairs by two models. `points`: what the second loses, of 100; `low`, `high`: where that lies in 95 % of
    resamplings of product families. `gold`: how many true values there are.
    """

    part: str
    gold: int
    seen: float
    blind: float
    points: float
    low: float
    high: float


def results(held: HeldOut, labels: Labels, answers: Iterable[ItemAnswers], set_name: str) -> Results:
    """What one model made of each labelled pair, by part. Equal labels give equal pairs in equal order."""
    said = {(item.item_id, answer.key_id): answer.values for item in answers for answer in item.answers}
    families = {item.item_id: split_group(item) for item in labels.listings}
    known: dict[CategoryKey, frozenset[str]] = {}
    found: dict[str, list[PairResult]] = {part: [] for part in (*UNSEEN, REST)}
    for one in labels:
        if one.link not in known:
            known[one.link] = frozenset(form_of(value.text) for value in labels.ontology.values_of(one.link))
        values = said.get((one.pair.item_id, one.pair.key_id), ())
        for part, gold, predicted in _claims(held, one, values, known[one.link]):
            judged = judge(gold, predicted)
            sizes = len(judged.right), len(judged.wrong), len(judged.not_found)
            found[part].append(PairResult(set_name, families[one.pair.item_id], one.pair.key_id, *sizes))
    return found


def joined(parts: Iterable[Results]) -> Results:
    """Several sets' results as one."""
    whole: dict[str, list[PairResult]] = {part: [] for part in (*UNSEEN, REST)}
    for results_of_set in parts:
        for part, pairs in results_of_set.items():
            whole[part].extend(pairs)
    return whole


def losses(seen: Results, blind: Results) -> list[Loss]:
    """F1 lost in each of `PARTS`; parts without any true value are left out. Errors: ValueError for other pairs."""
    found = []
    for part in PARTS:
        names = UNSEEN if part == ALL_UNSEEN else (part,)
        before, after = ([pair for name in names for pair in side[name]] for side in (seen, blind))
        gold = sum(pair.right + pair.missed for pair in before)
        if gold:
            change = next(c for c in decide(before, after, GateRules()).changes if c.name == "F1")
            lost = 100 * (change.before - change.after)
            low, high = 0.0 - 100 * change.high, 0.0 - 100 * change.low  # not -0.0
            found.append(Loss(part, gold, change.before, change.after, lost, low, high))
    return found


def _claims(
    held: HeldOut, one: Label, values: Sequence[str], known: frozenset[str]
) -> Iterable[tuple[str, Sequence[str], Sequence[str]]]:
    """The part or parts that a pair counts in, each with gold and predicted values."""
    part = held.part_of(one.category, one.link.key, one.pair.values)
    if part in (KEYS, CATEGORY):
        yield part, one.pair.values, values
        return

    def new(texts: Sequence[str]) -> list[str]:
        return [text for text in texts if held.has_value(one.link.key, text) and form_of(text) in known]

    yield VALUES, new(one.pair.values), new(values)
    if part == REST:
        yield REST, one.pair.values, values
