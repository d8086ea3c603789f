"""Category of a listing that comes without one (T9): similar category names, then words that its values share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.library.candidates import ItemText
from pipelines.library.keys import CategoryView, CategoryViews
from pipelines.library.pairs import Floats
from pipelines.ontology.release import Release
from udfs.tokens import match_form

SHORTLIST = 12
NAME_BONUS = 0.35
VALUE_BONUS = 0.05
SHARPNESS = 14.0


@dataclass(frozen=True, slots=True)
class CategoryGuess:
    """A predicted category and how sure the prediction is, from 0 to 1."""

    category_id: str
    confidence: float


def predict_category(release: Release, views: CategoryViews, text: ItemText, vector: Floats) -> CategoryGuess:
    """The likeliest category among those that have keys. Errors: ValueError for an ontology without categories.

    Score: cosine of item and category path, a bonus for the category's own name in the title, and one for each
    of its values that the item's text names, rarer ones counting more.
    """
    scores, ids = release.search_categories(vector[None, :], SHORTLIST)
    shortlist = [(c, float(s)) for c, s in zip(ids[0], scores[0], strict=False)]
    if not shortlist:
        raise ValueError("the ontology has no categories")
    forms = {form for form, _, _ in text.grams}
    title = {form for form, start, _ in text.grams if start < text.document.title_end}
    candidates = [views.of(category_id) for category_id, _ in shortlist]
    counts = _document_frequency(candidates, forms)
    total = np.array(
        [
            score + NAME_BONUS * _named(release, view, title) + VALUE_BONUS * _values(view, forms, counts)
            for view, (_, score) in zip(candidates, shortlist, strict=True)
        ]
    )
    total += np.array([0.0 if view.keys else -1.0 for view in candidates])
    share = np.exp(SHARPNESS * (total - total.max()))
    best = int(total.argmax())
    return CategoryGuess(shortlist[best][0], float(share[best] / share.sum()))


def _named(release: Release, view: CategoryView, title: set[str]) -> float:
    category = release.snapshot.categories[view.category_id]
    return float(any(match_form(name) in title for name in (category.name, *category.synonyms)))


def _document_frequency(views: Sequence[CategoryView], forms: set[str]) -> dict[str, int]:
    return {form: sum(form in view.surfaces for view in views) for form in forms}


def _values(view: CategoryView, forms: set[str], counts: dict[str, int]) -> float:
    found = [form for form in forms if form in view.surfaces]
    # `fsum`: the order of a set differs from process to process, and a plain sum with it.
    return math.fsum(math.log(1 + SHORTLIST / counts[form]) for form in found)
