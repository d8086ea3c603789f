"""An evaluation as a page: scores, curves, and the surest errors with the item's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.apps import pictures
from pipelines.apps.evaluation import Case, Evaluation
from pipelines.apps.evidence_view import marked_fields, places_of
from pipelines.apps.page import Bar, Html, bars, columns, fill, join, page, picture, section, table, tiles
from pipelines.apps.scoring import Score
from pipelines.apps.trust import CurvePoint, Trust
from schemas.listing import Listing

_SHOWN_CASES = 25
_SHOWN_KEYS = 200
_CURVE_POINTS = 400


def render_evaluation(
    found: Evaluation, listings: Mapping[str, Listing], names: Mapping[str, str], about: Mapping[str, str]
) -> str:
    """The page of an evaluation. `listings` by item id, `names` of categories by id, `about` it in words."""
    wrong = [case for case in found.worst if case.says_wrong]
    missed = [case for case in found.worst if not case.says_wrong]
    parts = [
        fill('<h1>Evaluation</h1><p class="subtitle">{about}</p>', about=" · ".join(about.values())),
        _tiles(found),
        section("Precision over recall", _curve(found)),
        _trust(found),
        _per_category(found.per_category, names),
        section("By kind of value, by method, by kind of error", columns(_kinds(found), _errors(found))),
        _cases("Wrong values, the surest first", wrong, listings),
        _cases("Missed values, the surest first", missed, listings),
        section("By key", _scores_table("key", found.per_key, _SHOWN_KEYS)),
        section("About this evaluation", table(["", ""], list(about.items()))),
    ]
    return page("Evaluation", parts)


def _tiles(found: Evaluation) -> Html:
    overall, density = found.overall, found.density
    ratio = "merchants state none" if density.ratio is None else f"{density.ratio:.1f} x the merchants'"
    recalls = [
        (f"Recall at P {precision:.2f}", f"{recall:.3f}", "by raising the threshold")
        for precision, recall in found.recall_at_precision.items()
    ]
    return tiles(
        [
            ("F1", f"{overall.f1:.3f}", f"{overall.pairs:,} pairs"),
            ("Precision", f"{overall.precision:.3f}", f"{overall.false_positives:,} wrong values"),
            ("Recall", f"{overall.recall:.3f}", f"{overall.false_negatives:,} values missed"),
            *recalls,
            ("Triples per SKU", f"{density.triples_per_sku:.1f}", ratio),
        ]
    )


def _curve(found: Evaluation) -> Html:
    if not found.points:
        return fill('<p class="note">Nothing was predicted.</p>')
    points = _thinned(found.points)
    drawn = pictures.precision_recall_picture(
        [point.recall for point in points],
        [point.precision for point in points],
        (found.overall.recall, found.overall.precision),
    )
    return picture(drawn, "precision over recall")


def _thinned(points: Sequence[CurvePoint]) -> Sequence[CurvePoint]:
    step = max(1, len(points) // _CURVE_POINTS)
    return [*points[::step], points[-1]]


def _trust(found: Evaluation) -> Html:
    """Reliability diagrams of what rows carry as confidence."""
    return section(
        "Is confidence what it says?",
        columns(
            _reliability(
                "Stated values: the share that is right", found.trust_stated, "Nothing was predicted."
            ),
            _reliability(
                '"Not stated": the share where nothing is stated',
                found.trust_not_stated,
                "Not judged: the labels name only what is stated, or everything was stated.",
            ),
        ),
        note=_calibration_words(found.trust_all),
    )


def _calibration_words(found: Trust | None) -> str:
    if found is None:
        return ""
    return (
        f"Expected calibration error of all {found.claims:,} claims: {found.ece:.3f} over 15 bins of equal width, "
        f"{found.ece_equal_mass:.3f} over 15 bins of equally many claims."
    )


def _reliability(name: str, found: Trust | None, nothing: str) -> Html:
    title = fill("<h3>{name}</h3>", name=name)
    if found is None:
        return fill('{title}<p class="note">{nothing}</p>', title=title, nothing=nothing)
    drawn = pictures.reliability_picture(
        [part.confidence for part in found.bins],
        [part.right for part in found.bins],
        [part.count for part in found.bins],
    )
    note = fill(
        '<p class="note">{claims:,} claims; expected calibration error {ece:.3f} (equal width), {mass:.3f} (equal mass).</p>',
        claims=found.claims,
        ece=found.ece,
        mass=found.ece_equal_mass,
    )
    return join([title, picture(drawn, "share right over confidence"), note])


def _per_category(scores: Mapping[str, Score], names: Mapping[str, str]) -> Html:
    rows = (
        Bar(
            names.get(category_id, category_id),
            score.f1,
            f"F1 {score.f1:.3f} · P {score.precision:.3f} · R {score.recall:.3f} · {score.pairs:,} pairs",
        )
        for category_id, score in scores.items()
    )
    return section("By category", bars(rows), note="Bars show F1.")


def _kinds(found: Evaluation) -> Html:
    return join(
        [
            fill("<h3>By kind of value</h3>"),
            _scores_table("kind", found.per_value_kind),
            fill("<h3>By the method that answered</h3>"),
            _scores_table("method", found.per_method),
        ]
    )


def _errors(found: Evaluation) -> Html:
    total = sum(found.errors.values())
    rows = (Bar(kind, count / total, f"{count:,} pairs") for kind, count in found.errors.items())
    return join([fill("<h3>Errors by kind</h3>"), bars(rows)])


def _scores_table(head: str, scores: Mapping[str, Score], most: int = 50) -> Html:
    rows = [_score_row(name, score) for name, score in list(scores.items())[:most]]
    left = len(scores) - len(rows)
    more = fill('<p class="note">and {left} more in the JSON</p>', left=left) if left else Html("")
    heads = [head, "pairs", "P", "R", "F1", "right", "wrong", "missed"]
    return join([table(heads, rows, numbers=range(1, 8)), more])


def _score_row(name: str, score: Score) -> tuple[str, ...]:
    shares = (score.precision, score.recall, score.f1)
    counts = (score.true_positives, score.false_positives, score.false_negatives)
    return (
        name,
        f"{score.pairs:,}",
        *(f"{share:.3f}" for share in shares),
        *(f"{count:,}" for count in counts),
    )


def _cases(title: str, cases: Sequence[Case], listings: Mapping[str, Listing]) -> Html:
    shown = [_case(case, listings.get(case.item_id)) for case in cases[:_SHOWN_CASES]]
    return section(title, *(shown or [fill('<p class="note">None.</p>')]))


def _text(case: Case, listing: Listing) -> Html:
    """The words that the answer rests on; for a missed value, where the item has it word for word."""
    evidence = case.answer.evidence if case.answer else ()
    if not case.says_wrong:
        evidence = (*evidence, *places_of(listing, case.gold))
    return marked_fields(listing, evidence)


def _case(case: Case, listing: Listing | None) -> Html:
    answer = case.answer
    said = "; ".join(answer.values) if answer and answer.values else "not stated"
    text = _text(case, listing) if listing else Html("")
    return fill(
        '<div class="case"><div class="head"><b>{key}</b><span class="wrong">{said}</span>'
        '<span class="right">{gold}</span><span>{kind}</span><span>{confidence:.2f} · {method}</span>'
        '<span class="item">{item}</span></div>{text}</div>',
        key=case.key_id,
        said=f"said: {said}",
        gold="gold: " + ("; ".join(case.gold) or "not stated"),
        kind=case.kind,
        confidence=case.confidence,
        method=answer.method if answer else "no answer",
        item=case.item_id,
        text=text,
    )
