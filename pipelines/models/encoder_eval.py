"""How well an encoder finds true values on held-out items, and tells same from different meanings; any encoder, one release.

Counted are gold values that the ontology of the training items holds and that are looked for by similarity. Three kinds are
told apart because training never saw them: held-out values, keys and categories (`HoldOut`).
Source: paper section 4.2.1 (recall of the search), 3.2.2 (similarity of entries).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from pipelines.apps.evaluation_set import EvaluationSet
from pipelines.library.candidates import candidates, item_text
from pipelines.library.keys import CategoryView, CategoryViews, KeyView
from pipelines.library.pairs import encoded_text, is_searched, similar_values
from pipelines.models.encoder_data import known_categories
from pipelines.models.encoder_records import HoldOut
from pipelines.models.vector_file import VectorFile
from pipelines.ontology.release import Release
from pipelines.ontology.snapshot import Snapshot
from pipelines.ontology.texts import value_text
from schemas.listing import Listing
from udfs.document import document
from udfs.text import fold
from udfs.tokens import match_form

K = 10
NEAR_VALUES = 3
SEEN, VALUE, KEY, CATEGORY = "seen", "held_value", "held_key", "held_category"


@dataclass(frozen=True, slots=True)
class Recall:
    """Of `values` true values: the share among the ten most similar, and among the ten of the fused search; and the
    mean reciprocal rank by similarity, over the first hundred.
    """

    values: int
    similar: float
    fused: float
    reciprocal_rank: float


def recall_figures(
    release: Release, found: EvaluationSet, vectors: VectorFile, held: HoldOut
) -> dict[str, Recall]:
    """Recall on a set's held-out items: over all values, those of large sets, enumerated or implied ones, and each hold-out."""
    views = CategoryViews(release.snapshot)
    left_out = held.category(known_categories(found.ontology))
    gold = _gold(found)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    ranks: dict[str, float] = defaultdict(float)
    for listing in found.listings:
        if listing.category_id not in release.snapshot.categories:
            continue
        category = views.of(str(listing.category_id))
        for kinds, similar, fused, rank in _outcomes(
            release, category, listing, vectors, gold[listing.item_id], held, left_out
        ):
            for kind in kinds:
                counts[kind].update(values=1, similar=int(similar), fused=int(fused))
                ranks[kind] += 1 / rank if rank else 0.0
    return {
        kind: Recall(
            count["values"],
            round(count["similar"] / count["values"], 4),
            round(count["fused"] / count["values"], 4),
            round(ranks[kind] / count["values"], 4),
        )
        for kind, count in sorted(counts.items())
    }


def category_figures(release: Release, found: EvaluationSet, vectors: VectorFile) -> dict[str, float]:
    """Share of held-out items whose category is the nearest one, and among the nearest three."""
    listings = [item for item in found.listings if item.category_id in release.snapshot.categories]
    rows = vectors.of([encoded_text(document(listing)) for listing in listings])
    _, ids = release.search_categories(rows, 3)
    first = sum(near[:1] == [item.category_id] for near, item in zip(ids, listings, strict=True))
    among = sum(item.category_id in near for near, item in zip(ids, listings, strict=True))
    count = max(1, len(listings))
    return {"items": count, "first": round(first / count, 4), "among_3": round(among / count, 4)}


def _gold(found: EvaluationSet) -> dict[str, dict[str, set[str]]]:
    gold: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for pair in found.gold:
        gold[pair.item_id][pair.key_id] = {fold(value) for value in pair.values}
    return gold


def _outcomes(
    release: Release,
    category: CategoryView,
    listing: Listing,
    vectors: VectorFile,
    labels: Mapping[str, set[str]],
    held: HoldOut,
    left_out: str | None,
) -> Iterator[tuple[list[str], bool, bool, int]]:
    """Of each counted true value: its kinds, whether similarity and the fused search find it, its rank by similarity."""
    found = document(listing)
    text, vector = item_text(found), vectors.of([encoded_text(found)])[0]
    forms = {form for form, _, _ in text.grams}
    nearest = similar_values(release, category, vector, K)
    fused = candidates(text, category, nearest, None, K)
    for place, view in enumerate(category.keys):
        if not is_searched(category, place) or not labels.get(view.key.key_id):
            continue
        offered = {c.folded for c in [c for c in fused[place] if c.position >= 0][:K]}
        near = {view.same_as[position] for position in nearest[place]}
        order = np.argsort(-(release.value_vectors(view.value_set_id) @ vector), kind="stable")[:100].tolist()
        for value in labels[view.key.key_id]:
            position = view.positions.get(value, -1)
            if position >= 0:
                kinds = _kinds(category, view, position, forms, held, left_out)
                rank = order.index(position) + 1 if position in order else 0
                yield kinds, position in near, fold(view.values[position].text) in offered, rank


def _kinds(
    category: CategoryView,
    view: KeyView,
    position: int,
    forms: set[str],
    held: HoldOut,
    left_out: str | None,
) -> list[str]:
    value = view.values[position]
    kinds = ["all"]
    if len(view.values) > K:
        kinds.append("large_sets")
    if view.key.value_kind == "enumerated":
        kinds.append("enumerated")
    if not any(match_form(name) in forms for name in (value.text, *value.synonyms)):
        kinds.append("implied")
    if category.category_id == left_out:
        return [*kinds, CATEGORY]
    if held.key(view.key.name):
        return [*kinds, KEY]
    return [*kinds, VALUE if held.value(view.key.name, value.text) else SEEN]


def similarity_pairs(ontology: Snapshot, held: HoldOut | None) -> dict[tuple[str, str], list[str]]:
    """Names of one value, by (value's text, its other name), with other values of the same key to tell it from.

    With a hold-out only values and keys that training did not see.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for link in ontology.links():
        name, values = link.key.name, ontology.values_of(link)
        for value in values:
            if held is not None and not (held.key(name) or held.value(name, value.text)):
                continue
            others = [
                value_text(name, other.text) for other in values if fold(other.text) != fold(value.text)
            ]
            for text in value.synonyms:
                if fold(text) != fold(value.text):
                    found.setdefault((value_text(name, value.text), value_text(name, text)), others)
    return found


def similarity_figures(
    pairs: Mapping[tuple[str, str], Sequence[str]], vectors: VectorFile, judge: VectorFile
) -> dict[str, float]:
    """Spearman correlation of cosine with sameness (1: another name, 0: one of the nearest other values of the key).

    `nearest_is_same`: how often another name is nearer to its value than to any other value of the key. The near values
    are chosen by `judge`, the same for every encoder.
    """
    cosines: list[float] = []
    same: list[int] = []
    right = 0
    for (text, other_name), others in pairs.items():
        one, name = vectors.of([text, other_name])
        cosines.append(float(one @ name))
        same.append(1)
        if not others:
            right += 1
            continue
        right += bool(cosines[-1] > float((vectors.of(others) @ name).max()))
        order = np.argsort(-(judge.of(others) @ judge.of([text])[0]), kind="stable")[:NEAR_VALUES]
        near = vectors.of([others[place] for place in order]) @ one
        cosines += near.tolist()
        same += [0] * len(near)
    return {
        "pairs": len(same),
        "spearman": round(_spearman(cosines, same), 4),
        "nearest_is_same": round(right / max(1, len(pairs)), 4),
    }


def _spearman(scores: Sequence[float], labels: Sequence[int]) -> float:
    if len(set(labels)) < 2:
        return 0.0
    found: npt.NDArray[np.float64] = np.asarray(spearmanr(scores, labels).statistic)
    return float(found)
