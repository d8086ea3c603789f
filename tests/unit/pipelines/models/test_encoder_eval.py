"""Measures of an encoder: recall on held-out items by the real release and search, and same against different meanings."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from pipelines.library.pairs import encoded_text
from pipelines.models.encoder_eval import (
    category_figures,
    recall_figures,
    similarity_figures,
    similarity_pairs,
)
from pipelines.models.encoder_records import HoldOut
from pipelines.models.encoder_sets import needed_texts
from pipelines.models.vector_file import TextMissing, VectorFile, load_vectors, save_vectors
from pipelines.ontology.make_release import make_release
from pipelines.ontology.release import Release
from pipelines.ontology.store import OntologyStore, Source
from pipelines.ontology.texts import category_text
from tests.unit.pipelines.models.words import catalog, word_vectors
from udfs.document import document


def released(folder: Path, vectors: VectorFile) -> Release:
    store = OntologyStore(folder, "demo")
    version = store.commit(catalog().ontology, Source("test"), 0).version
    return asyncio.run(make_release(store, version, vectors.encode, vectors.model, folder / vectors.model))


def random_vectors(texts: list[str]) -> VectorFile:
    rows = np.random.default_rng(0).normal(size=(len(texts), 64)).astype(np.float32)
    return VectorFile(
        "random", rows / np.linalg.norm(rows, axis=1, keepdims=True), {t: n for n, t in enumerate(texts)}
    )


def test_word_vectors_beat_random_ones_and_kinds_add_up(tmp_path: Path) -> None:
    parts, held = catalog(), HoldOut()
    texts = list(dict.fromkeys(needed_texts(parts)))
    found = {}
    for vectors in (word_vectors(texts), random_vectors(texts)):
        release = released(tmp_path, vectors)
        found[vectors.model] = recall_figures(release, parts.held_out, vectors, held)
    words, chance = found["words"], found["random"]
    assert words["all"].reciprocal_rank > chance["all"].reciprocal_rank + 0.1
    assert words["all"].fused >= words["all"].similar
    kinds = ("seen", "held_value", "held_key", "held_category")
    assert sum(words[kind].values for kind in kinds if kind in words) == words["all"].values
    assert words["all"].values == chance["all"].values > 200


def test_the_category_counts_as_found_where_it_is_the_nearest(tmp_path: Path) -> None:
    parts = catalog()
    chance = random_vectors(list(dict.fromkeys(needed_texts(parts))))
    listings = [item for item in parts.held_out.listings if item.category_id in parts.ontology.categories]
    told = {
        encoded_text(document(i)): category_text(parts.ontology, str(i.category_id)) for i in listings[::2]
    }
    rows = chance.rows.copy()
    for text, category in told.items():
        rows[chance.places[text]] = rows[chance.places[category]]
    half = VectorFile("half", rows, chance.places)
    found = category_figures(released(tmp_path, half), parts.held_out, half)
    alone = category_figures(released(tmp_path, chance), parts.held_out, chance)
    assert found["items"] == len(listings)
    assert 0.5 <= found["first"] <= found["among_3"] and alone["first"] < 0.25


def test_similarity_tells_other_names_from_near_values() -> None:
    pairs = {
        ("Color: Blue", "Color: navy"): ["Color: Red", "Color: Green", "Color: Gray", "Color: Blush"],
        ("Color: Red", "Color: crimson"): ["Color: Blue", "Color: Green", "Color: Gray", "Color: Blush"],
    }
    angle = {"Blue": 0, "navy": 10, "Red": 90, "crimson": 80, "Green": 200, "Gray": 260, "Blush": 45}
    rows = np.float32([[np.cos(np.radians(a)), np.sin(np.radians(a))] for a in angle.values()])
    good = VectorFile("good", rows, {f"Color: {name}": place for place, name in enumerate(angle)})
    found = similarity_figures(pairs, good, good)
    # Two pairs of one meaning, each with the three nearest other values: ranks are perfect but for ties of labels.
    assert (
        found["pairs"] == 8
        and found["nearest_is_same"] == 1.0
        and found["spearman"] == pytest.approx(0.77, abs=0.01)
    )
    swapped = VectorFile("bad", rows[[0, 2, 1, 3, 4, 5, 6]], good.places)
    assert similarity_figures(pairs, swapped, good)["spearman"] < 0.3
    assert similarity_figures(pairs, swapped, good)["nearest_is_same"] < 1.0


def test_similarity_pairs_are_synonyms_and_can_be_only_those_never_trained_on() -> None:
    ontology, held = catalog().ontology, HoldOut()
    every, unseen = similarity_pairs(ontology, None), similarity_pairs(ontology, held)
    assert 0 < len(unseen) < len(every)
    for (entry, name), others in every.items():
        key = entry.partition(": ")[0]
        assert name.startswith(f"{key}: ") and entry not in others
    for entry, _ in unseen:
        key, _, text = entry.partition(": ")
        assert held.key(key) or held.value(key, text)


def test_a_vector_file_gives_back_what_was_written_and_names_what_is_missing(tmp_path: Path) -> None:
    texts = ["Color: red", "颜色: 红", "x" * 700]
    made = word_vectors(texts)
    save_vectors(tmp_path / "v.npz", "model-1", texts, made.rows)
    read = load_vectors(tmp_path / "v.npz")
    assert read.model == "model-1"
    np.testing.assert_allclose(read.of(texts[::-1]), made.rows[::-1], atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(read.rows, axis=1), 1, atol=1e-6)
    assert asyncio.run(read.encode(texts[:1])).shape == (1, 64)
    with pytest.raises(TextMissing, match=r"1 texts have no vector of model-1.*'Color: blue'"):
        read.of(["Color: red", "Color: blue"])
