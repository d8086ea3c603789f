"""What tells whether a key matters for an item, or for a difference between two: words, numbers, vectors; cheap, before any search.

Everything is about the key's ontology entry (name, values, rule, encoded name), never about a certain key: a key that came with
the last release is judged like the others. One pass over an item's words serves all keys of its category.
Source: paper section 4.3.1 (2), tasks A and B; the features are ours.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.library.candidates import ItemText, names_match
from pipelines.library.keys import CategoryView, KeyView, log_share
from udfs.normalize import CONVERT, DIGITS, EXPAND, NUMBER, STRIP_MARKS, UPPER
from udfs.quantity import Quantity, conversion, quantities, unit
from udfs.text import fold
from udfs.tokens import match_form, stem

Floats = npt.NDArray[np.float32]
Own = Sequence[Mapping[str, int]] | None
KINDS = ("enumerated", "identifier", "measure", "free")
NEAR_WORDS = 4
_CODE = re.compile(r"(?=[A-Za-z0-9\-./]*\d)[A-Za-z0-9][A-Za-z0-9\-./]{2,}[A-Za-z0-9]")
KEY_NAMES = ("values", "stated_share", *KINDS, "computes", "choice", "open", "multi")
A_NAMES = (
    "cosine", "linear", "named", "named_in_title", "longest", "best_share", "key_named", "key_attribute", "value_words",
    "word_share", "quantities", "unit_quantities", "codes", "text_words", "title_words", "attributes", *KEY_NAMES,
)  # fmt: skip
B_NAMES = (
    "item_cosine", "moved", "moved_to_key", "named_only_here", "named_only_there", "told", "told_there", "told_here",
    "words_added", "words_removed", "value_words_added", "value_words_removed", "key_words", "key_near", "quantities_added",
    "quantities_removed", "quantities_kept", "attribute", "codes_added", "codes_removed", "changed", "title_changed", *KEY_NAMES,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ItemProbe:
    """One item as the heads see it: its vector, its text, and what of the text all keys share."""

    vector: Floats
    text: ItemText
    forms: frozenset[str]
    words: Counter[str]
    title_words: Counter[str]
    quantities: tuple[Quantity, ...]
    codes: frozenset[str]


def item_probe(vector: Floats, text: ItemText) -> ItemProbe:
    """Prepare an item once for all its keys. Shapes: vector (d)."""
    title_end = text.document.title_end
    return ItemProbe(
        np.asarray(vector, np.float32),
        text,
        frozenset(form for form, _, _ in text.grams),
        Counter(stem(token.form) for token in text.tokens if token.form),
        Counter(stem(token.form) for token in text.tokens if token.form and token.start < title_end),
        tuple(quantities(text.document.text)),
        frozenset(code.lower() for code in _CODE.findall(text.document.text)),
    )


def a_features(
    item: ItemProbe, category: CategoryView, key_vectors: Floats, linear: Floats, own: Own = None
) -> Floats:
    """Numbers of every key of an item's category, in the order of `A_NAMES`.

    Shapes: key_vectors (K, d), unit rows; linear (K), the linear stage's logit; float32 (K, len(A_NAMES)) out.
    `own` counts the item's own gold by key, so that training sees the ontology as if without the item.
    """
    named = _named(item, category, own)
    title_end, parts = item.text.document.title_end, item.text.document.parts
    attributes = [
        part.name.removeprefix("attributes.") for part in parts if part.name not in ("title", "description")
    ]
    cosines = key_vectors @ item.vector
    highest = max((view.total for view in category.keys), default=0)
    rows = []
    for place, view in enumerate(category.keys):
        found = named[place]
        words = _known_words(view, own[place] if own else {})
        hits = [word for word in item.words if word in words]
        mine = own[place] if own else {}
        rows.append(
            [
                float(cosines[place]),
                float(linear[place]),
                math.log1p(len(found)),
                float(any(start < title_end for start in found.values())),
                float(max((len(view.values[position].text) for position in found), default=0)),
                max((log_share(view.frequency(p, mine), view.total) for p in found), default=-9.0),
                float(bool(view.names & item.forms)),
                float(any(names_match(name, view) for name in attributes)),
                math.log1p(len(hits)),
                max((words[word] for word in hits), default=0) / max(1, view.total),
                math.log1p(len(item.quantities)),
                math.log1p(sum(_fits(quantity, view) for quantity in item.quantities)),
                math.log1p(len(item.codes)),
                math.log1p(sum(item.words.values())),
                float(sum(item.title_words.values())),
                float(len(attributes)),
                *_key_numbers(view, highest),
            ]
        )
    return np.asarray(rows, np.float32).reshape(len(category.keys), len(A_NAMES))


def b_features(
    item: ItemProbe,
    reference: ItemProbe,
    told: Sequence[Sequence[str]],
    category: CategoryView,
    key_vectors: Floats,
    own: Own = None,
) -> Floats:
    """Numbers of every key for the difference of an item to a reference whose values are known, as `B_NAMES`.

    Shapes: `told[k]` are the reference's values of key k; key_vectors (K, d); float32 (K, len(B_NAMES)) out.
    """
    here, there = _named(item, category, own), _named(reference, category, own)
    added, removed = item.words - reference.words, reference.words - item.words
    moved = item.vector - reference.vector
    distance = float(np.linalg.norm(moved))
    towards = key_vectors @ (moved / distance if distance else moved)
    new, gone, kept = _quantity_difference(item.quantities, reference.quantities)
    near = _near_change(item, added) | _near_change(reference, removed)
    general = [
        sum((added | removed).values()) / max(1, sum((item.words | reference.words).values())),
        _share_changed(item.title_words, reference.title_words),
    ]
    highest = max((view.total for view in category.keys), default=0)
    rows = []
    for place, view in enumerate(category.keys):
        forms = [match_form(value) for value in told[place]]
        key_words = {word for name in view.names for word in name.split()}
        rows.append(
            [
                float(item.vector @ reference.vector),
                distance,
                float(towards[place]),
                math.log1p(len(here[place].keys() - there[place].keys())),
                math.log1p(len(there[place].keys() - here[place].keys())),
                float(len(forms)),
                _share(form in reference.forms for form in forms),
                _share(form in item.forms for form in forms),
                math.log1p(sum(added.values())),
                math.log1p(sum(removed.values())),
                math.log1p(sum(word in view.words for word in added)),
                math.log1p(sum(word in view.words for word in removed)),
                float(any(word in added or word in removed for word in key_words)),
                float(bool(key_words & near)),
                *(math.log1p(sum(_fits(quantity, view) for quantity in part)) for part in (new, gone, kept)),
                _attribute_change(item, reference, view),
                math.log1p(len(item.codes - reference.codes)),
                math.log1p(len(reference.codes - item.codes)),
                *general,
                *_key_numbers(view, highest),
            ]
        )
    return np.asarray(rows, np.float32).reshape(len(category.keys), len(B_NAMES))


def surely_touched(rows: Floats) -> npt.NDArray[np.bool_]:
    """Whether a difference bears on a key beyond doubt: a known value of it named in one text only, its merchant's attribute
    changed, or, for a measure, a fitting number changed. Such a key is never inherited, whatever the head says.

    Shapes: rows (N, len(B_NAMES)) of `b_features`; (N) out.
    """

    def column(name: str) -> Floats:
        return rows[:, B_NAMES.index(name)]

    numbers = (column("quantities_added") > 0) | (column("quantities_removed") > 0)
    named = (column("named_only_here") > 0) | (column("named_only_there") > 0)
    return np.asarray(named | (column("attribute") == 1) | ((column("measure") == 1) & numbers))


def _named(item: ItemProbe, category: CategoryView, own: Own) -> list[dict[int, int]]:
    """Per key, the known values that the text names, and where first."""
    found: list[dict[int, int]] = [{} for _ in category.keys]
    for form, start, _ in item.text.grams:
        for key, position in category.surfaces.get(form, ()):
            view = category.keys[key]
            mine = own[key] if own else {}
            if view.frequency(position, mine) or not mine.get(fold(view.values[position].text)):
                found[key].setdefault(position, start)
    return found


def _known_words(view: KeyView, own: Mapping[str, int]) -> Mapping[str, int]:
    """Words of the key's values, without what only the item's own gold brings."""
    if not own:
        return view.words
    mine: Counter[str] = Counter()
    for text, seen in own.items():
        for word in set(match_form(text).split()):
            mine[word] += seen
    return {word: seen - mine[word] for word, seen in view.words.items() if seen > mine[word]}


def _key_numbers(view: KeyView, highest: int) -> list[float]:
    return [
        math.log1p(len(view.values)),
        view.total / highest if highest else 0.0,
        *(float(view.key.value_kind == kind) for kind in KINDS),
        float(view.rule.computes),
        float(view.rule.kind == "choice"),
        float(view.is_open),
        {True: 1.0, False: 0.0, None: -1.0}[view.key.multi_valued],
    ]


def _fits(quantity: Quantity, view: KeyView) -> bool:
    """Whether a number may be this key's: by its unit where the key's rule names one."""
    if view.rule.kind == CONVERT and view.rule.target is not None:
        found = unit(quantity.unit_text) if quantity.unit_text else None
        return found is not None and conversion(found, view.rule.target) is not None
    if view.rule.kind == EXPAND:
        return quantity.unit_text.lower() in view.rule.expansions
    if view.rule.kind in (STRIP_MARKS, DIGITS, UPPER):
        return False
    return view.rule.kind == NUMBER or view.key.value_kind == "measure"


def _quantity_difference(
    here: Sequence[Quantity], there: Sequence[Quantity]
) -> tuple[list[Quantity], list[Quantity], list[Quantity]]:
    """Quantities of the item alone, of the reference alone, and of both."""

    def said(quantity: Quantity) -> tuple[float, str]:
        return quantity.value, quantity.unit_text.lower()

    mine, others = {said(q) for q in here}, {said(q) for q in there}
    return (
        [q for q in here if said(q) not in others],
        [q for q in there if said(q) not in mine],
        [q for q in here if said(q) in others],
    )


def _near_change(item: ItemProbe, changed: Mapping[str, int]) -> set[str]:
    """Words that stand within a few words of a changed one."""
    words = [stem(token.form) for token in item.text.tokens if token.form]
    near: set[str] = set()
    for place, word in enumerate(words):
        if word in changed:
            near.update(words[max(0, place - NEAR_WORDS) : place + NEAR_WORDS + 1])
    return near


def _attribute_change(item: ItemProbe, reference: ItemProbe, view: KeyView) -> float:
    """1 where a merchant's attribute of this key differs, 0 where it is the same, -1 where neither has one."""
    texts = [
        sorted(
            part.clean.text.lower()
            for part in probe.text.document.parts
            if part.name not in ("title", "description")
            and names_match(part.name.removeprefix("attributes."), view)
        )
        for probe in (item, reference)
    ]
    return -1.0 if not any(texts) else float(texts[0] != texts[1])


def _share(found: object) -> float:
    outcomes = list(found)  # type: ignore[call-overload]
    return sum(outcomes) / len(outcomes) if outcomes else -1.0


def _share_changed(here: Counter[str], there: Counter[str]) -> float:
    changed = sum(((here - there) | (there - here)).values())
    return changed / max(1, sum((here | there).values()))
