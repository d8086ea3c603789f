"""Differential inference: of an item that was recognised before, only the pairs whose inputs changed are asked again (B2).

What was known before comes from the tables that hold it anyway: the item's last listing (`items`) and its rows (`item_knowledge`),
whose fingerprints say what they were computed from. Nothing is remembered beside them.
Source: paper section 6 retries unfinished shards only; pair by pair: ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipelines.library.answers import Answer
from pipelines.library.keys import CategoryView, KeyView
from pipelines.library.rows import CATEGORY_ATTR
from pipelines.reduction.difference import noted, touched
from pipelines.reduction.fingerprint import Models, pair_fingerprint
from pipelines.reduction.lend import EARLIER, is_own, standing
from pipelines.reduction.said import is_settled, reread
from pipelines.tunnel.events import text_digest
from schemas.knowledge import Evidence, KnowledgeRow
from schemas.listing import Listing
from udfs.version import MARKERS

SOURCE_MARK = "; from "


@dataclass(frozen=True, slots=True)
class Before:
    """An item as it was last recognised: its listing, category, and per key the answer and what that was computed from.

    `predicted`: how sure the category was and what it was predicted from, None where the listing named it.
    """

    listing: Listing
    category_id: str
    answers: Mapping[str, Answer]
    fingerprints: Mapping[str, str]
    predicted: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What of an item need not be computed. `unchanged`: its inputs are the same, so its row stands as it is; `moved`: the
    text changed where it cannot bear on the key, so the answer stands with its evidence in the new text. `changed`: what its own
    words said that now may be otherwise; a slot may tell. By key place.
    """

    unchanged: Mapping[int, Answer]
    moved: Mapping[int, Answer]
    changed: Mapping[int, Answer] = field(default_factory=dict)


def before_of(listing: Listing, rows: Iterable[KnowledgeRow]) -> Before:
    """What the tables say of an item. Rows of other categories and deleted ones count as not there."""
    live = [row for row in rows if not row.is_deleted and row.attr_id not in MARKERS]
    newest = max(live, key=lambda row: row.version, default=None)
    category_id = newest.category_id if newest else ""
    here = {row.attr_id: row for row in live if row.category_id == category_id}
    predicted = here.pop(CATEGORY_ATTR, None)
    return Before(
        listing,
        category_id,
        {attr_id: _answer_of(row) for attr_id, row in here.items()},
        {attr_id: row.fingerprint for attr_id, row in here.items()},
        (predicted.confidence, predicted.fingerprint) if predicted else None,
    )


def still_predicted(before: Before, listing: Listing, ontology_version: str, models: Models) -> float | None:
    """How sure an item's predicted category still is; None where its text, the ontology or the models are others now."""
    if before.predicted is None:
        return None
    confidence, found = before.predicted
    return confidence if found == category_fingerprint(listing, ontology_version, models) else None


def category_fingerprint(listing: Listing, ontology_version: str, models: Models) -> str:
    """What a predicted category was computed from: any entry of the ontology may have spoken for another one."""
    return pair_fingerprint(text_digest(listing), f"{CATEGORY_ATTR} {ontology_version}", models.ranking)


def kept(
    before: Before, listing: Listing, category: CategoryView, slices: Mapping[str, str], models: Models
) -> Kept:
    """What of an earlier state still holds of an item's present text, ontology and models.

    `slices`: `fingerprint.Slices` of the category. A pair of another ontology slice or another model is asked again, whatever
    its text says.
    """
    if before.category_id != category.category_id or before.listing.image_urls != listing.image_urls:
        return Kept({}, {})
    standing_pairs = _of_same_inputs(before, category, slices, models)
    if not standing_pairs or text_digest(before.listing) == text_digest(listing):
        return Kept(standing_pairs, {})
    bears = touched(noted(before.listing, category), noted(listing, category), category)
    moved, changed = {}, {}
    for place, answer in standing_pairs.items():
        evidence = _evidence_now(answer, category.keys[place], listing, before.listing, bears[place])
        if evidence is not None:
            moved[place] = replace(answer, evidence=evidence, source=_moved_source(answer.source))
        elif is_own(answer):
            changed[place] = answer
    return Kept({}, moved, changed)


def _of_same_inputs(
    before: Before, category: CategoryView, slices: Mapping[str, str], models: Models
) -> dict[int, Answer]:
    """By key place, the answers that these models and this ontology gave of the item's earlier text."""
    then = text_digest(before.listing)
    return {
        place: answer
        for place, view in enumerate(category.keys)
        if (answer := before.answers.get(view.key.key_id)) is not None
        and before.fingerprints[view.key.key_id]
        == pair_fingerprint(then, slices[view.key.key_id], models.behind(answer))
    }


def _evidence_now(
    answer: Answer, view: KeyView, here: Listing, there: Listing, bears: bool
) -> tuple[Evidence, ...] | None:
    """An earlier answer's evidence in the new text; None where it cannot be told that it stands.

    What the text's change can bear on stands where rule settles it all the same: a number whose place is as it was.
    """
    found = [standing(one, here) for one in answer.evidence]
    if not bears:
        return None if None in found else tuple(one for one in found if one)
    if not is_own(answer) or not is_settled(answer, view, here, there):
        return None
    again = reread(answer, view, here).evidence
    return again if {one.value for one in again} == {one.value for one in answer.evidence} else None


def fingerprints(
    listing: Listing, answers: Iterable[Answer], slices: Mapping[str, str], models: Models
) -> dict[str, str]:
    """By key id, what the pairs of a listing were computed from: what its rows are to carry."""
    text = text_digest(listing)
    return {
        answer.key_id: pair_fingerprint(text, slices[answer.key_id], models.behind(answer))
        for answer in answers
        if answer.key_id in slices
    }


def with_fingerprints(rows: Iterable[KnowledgeRow], found: Mapping[str, str]) -> list[KnowledgeRow]:
    """Rows with the fingerprints of their pairs in place of the item's; `udfs.version.with_digest` is still to follow."""
    return [replace(row, fingerprint=found.get(row.attr_id, row.fingerprint)) for row in rows]


def _moved_source(source: str) -> str:
    """From where an answer comes that was taken over from an item's earlier text, which may itself have taken it over.

    >>> _moved_source(""), _moved_source("sibling i1"), _moved_source("earlier text, sibling i1")
    ('earlier text', 'earlier text, sibling i1', 'earlier text, sibling i1')
    """
    if source.startswith(EARLIER):
        return source
    return f"{EARLIER}, {source}" if source else EARLIER


def _answer_of(row: KnowledgeRow) -> Answer:
    return Answer(
        row.attr_id,
        row.value_texts,
        row.value_ids,
        row.evidence,
        row.confidence,
        row.provenance.method,
        row.provenance.prompt_version,
        source=row.provenance.model.partition(SOURCE_MARK)[2],
    )
