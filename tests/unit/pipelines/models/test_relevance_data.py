"""Rows of the relevance heads: labels from gold and from edits, and that heads trained on the demo catalog are of use."""

from __future__ import annotations

import random
import re
from collections import Counter

import numpy as np

from pipelines.library.keys import CategoryViews
from pipelines.models.encoder_sets import needed_texts
from pipelines.models.relevance_data import a_rows, b_rows, edit_texts, sibling_pairs
from pipelines.models.relevance_edits import DROP, NOISE, SWAP, edited
from pipelines.models.relevance_fit import average_precision, fit_head, point
from pipelines.models.vector_file import VectorFile
from tests.unit.pipelines.models.words import catalog, word_vectors
from udfs.text import fold


def vectors() -> VectorFile:
    return word_vectors([*needed_texts(catalog()), *edit_texts(catalog())])


def test_an_edit_changes_the_words_of_one_value_and_says_which_key() -> None:
    parts, rnd, kinds = catalog(), random.Random(1), Counter[str]()
    views = CategoryViews(parts.ontology)
    for listing in parts.train:
        labels = parts.gold[listing.item_id]
        made = edited(listing, views.of(str(listing.category_id)), labels, rnd)
        if made is None:
            continue
        kinds[made.kind] += 1
        before, after = (
            f"{listing.title} {listing.description}",
            f"{made.listing.title} {made.listing.description}",
        )
        assert before != after
        if made.kind == NOISE:
            assert made.touched is None and set(before.split()) <= set(
                after.replace(".", ". ").split()
            ) | set(after.split())
            continue
        assert made.touched is not None and made.touched not in made.unsure
        gone = [
            value
            for value in labels[made.touched]
            if not re.search(rf"(?<!\w){re.escape(value)}(?!\w)", after, re.I)
        ]
        assert any(fold(value) in fold(before) for value in gone)
        if made.kind == DROP:
            assert len(after) < len(before)
    assert min(kinds[kind] for kind in (SWAP, DROP, NOISE)) >= 20


def test_siblings_are_of_one_family_and_drawn_the_same_each_time() -> None:
    pairs = list(sibling_pairs(catalog().train))
    assert len(pairs) > 300
    assert all(a.spu_id == b.spu_id and a.item_id != b.item_id for a, b in pairs)
    assert max(Counter(a.item_id for a, _ in pairs).values()) == 3
    assert [(a.item_id, b.item_id) for a, b in sibling_pairs(catalog().train)] == [
        (a.item_id, b.item_id) for a, b in pairs
    ]


def test_heads_of_the_demo_catalog_skip_keys_and_keep_what_matters() -> None:
    parts, found = catalog(), vectors()
    learn, held = (
        a_rows(parts, parts.train, found, True),
        a_rows(parts, parts.held_out.listings, found, False),
    )
    gold = {(i, k): bool(v) for i, labels in parts.gold.items() for k, v in labels.items()}
    assert sum(learn.labels) + sum(held.labels) <= sum(gold.values())
    head = fit_head(learn, say=lambda _: None)
    labels = np.asarray(held.labels)
    at = point(head.probabilities(held), labels, head.thresholds["0.99"])
    assert at.recall > 0.95 and at.skipped > 0.3 * (1 - at.positive)
    assert average_precision(head.probabilities(held), labels) > at.positive + 0.05


def test_inheriting_is_learnt_from_families_and_edits_of_training_items() -> None:
    parts, found = catalog(), vectors()
    learn, held = (
        b_rows(parts, parts.train, found, True),
        b_rows(parts, parts.held_out.listings, found, False),
    )
    assert not set(learn.families) & set(held.families)
    kinds = {kind.rpartition("/")[2] for kind in learn.kinds}
    assert kinds == {"siblings", SWAP, DROP, NOISE}
    noise = [label for label, kind in zip(learn.labels, learn.kinds, strict=True) if kind.endswith(NOISE)]
    assert noise and not any(noise)
    head = fit_head(learn, say=lambda _: None)
    at = point(head.probabilities(held), np.asarray(held.labels), head.thresholds["0.98"])
    assert at.recall > 0.9 and at.skipped > 0.4
