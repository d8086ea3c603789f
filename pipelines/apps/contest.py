"""Several answerers on the same held-out items, in one run: what each reached, side by side (M8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.apps.evaluation import Evaluation
from pipelines.apps.evaluation_set import EvaluationSet
from pipelines.apps.scoring import judge
from pipelines.library.answers import ItemAnswers
from pipelines.models.gate import PairResult
from udfs.split import split_group


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one answerer reached on one set. `fault`: why it could not answer; there is no evaluation then."""

    contender: str
    model: str
    set_name: str
    evaluation: Evaluation | None
    results: tuple[PairResult, ...] = ()
    pairs_per_s: float = 0.0
    fault: str = ""


def pair_results(name: str, found: EvaluationSet, answers: Iterable[ItemAnswers]) -> tuple[PairResult, ...]:
    """How every labelled pair was answered, in the order of gold; a pair without an answer states nothing."""
    said = {(item.item_id, answer.key_id): answer.values for item in answers for answer in item.answers}
    families = {listing.item_id: split_group(listing) for listing in found.listings}
    results = []
    for pair in found.gold:
        judged = judge(pair.values, said.get((pair.item_id, pair.key_id), ()))
        results.append(
            PairResult(
                name,
                families.get(pair.item_id, pair.item_id),
                pair.key_id,
                len(judged.right),
                len(judged.wrong),
                len(judged.not_found),
            )
        )
    return tuple(results)


def markdown_table(outcomes: Sequence[Outcome]) -> str:
    """One table a set: a row an answerer, in the order in which they came."""
    lines: list[str] = []
    for set_name in dict.fromkeys(outcome.set_name for outcome in outcomes):
        of_set = [outcome for outcome in outcomes if outcome.set_name == set_name]
        pairs = next((one.evaluation.overall.pairs for one in of_set if one.evaluation), 0)
        lines += [
            f"**{set_name}**, held-out fifth, {pairs:,} pairs",
            "",
            "| who | P | R | F1 | R at P .90 | R at P .94 | R at P .95 | ECE | pairs/s |",
            "|" + "---|" * 9,
            *map(_row, of_set),
            "",
        ]
    return "\n".join(lines)


def models_table(outcomes: Sequence[Outcome]) -> str:
    """Who each answerer is."""
    known: Mapping[str, str] = {one.contender: one.model for one in outcomes if one.model}
    return "\n".join(f"- {contender}: {model}" for contender, model in known.items())


def _row(outcome: Outcome) -> str:
    found = outcome.evaluation
    if found is None:
        return f"| {outcome.contender} | {outcome.fault.replace('|', '/')} |" + " |" * 7
    recalls = (found.recall_at_precision[at] for at in (0.90, 0.94, 0.95))
    cells = [
        outcome.contender,
        *(f"{value:.3f}" for value in (found.overall.precision, found.overall.recall, found.overall.f1)),
        *(f"{value:.3f}" for value in recalls),
        f"{found.trust_all.ece:.3f}" if found.trust_all else "-",
        f"{outcome.pairs_per_s:.0f}",
    ]
    return f"| {' | '.join(cells)} |"
