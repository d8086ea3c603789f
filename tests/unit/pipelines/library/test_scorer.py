"""What the scorer sees of an item, and that its numbers come back to the candidates that they belong to."""

import asyncio
import re

import numpy as np
import pytest

from pipelines.library.keys import CategoryViews
from pipelines.library.pairs import item_pairs, similar_values
from pipelines.library.scorer import KeyVectors, Scorer
from pipelines.library.scorer_form import ScorerDamaged, ScorerMeta, meta_text, read_meta
from pipelines.library.scorer_input import KINDS, MAX_KEYS, MAX_SPANS, key_rows, key_text, scorer_inputs
from tests.unit.pipelines.library import small
from udfs.document import document

NOTHING = (np.zeros(0, np.uint64), np.zeros(0, np.uint64))
META = ScorerMeta("v1", "test", small.DIMENSIONS, 5, 31, {})


def words(text, max_tokens):
    """A tokenizer of whole words: 1 begins, 2 ends, each word is 3."""
    spans = [match.span() for match in re.finditer(r"\w+", text)][: max_tokens - 2]
    return [1, *[3] * len(spans), 2], [(0, 0), *spans, (0, 0)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    release = asyncio.run(small.release(tmp_path_factory.mktemp("release")))
    listing = small.listing("Navy Blue ceramic mug 9 cm", "not steel")
    category = CategoryViews(release.snapshot).of(str(listing.category_id))
    vector = asyncio.run(small.embed([listing.title]))[0]
    similar = similar_values(release, category, vector, 10)
    item = item_pairs(0, listing, document(listing), category, similar)
    vectors = asyncio.run(KeyVectors(small.embed).of([category]))[category.category_id]
    return release, item, vectors


def inputs(made, tokenizer=words):
    release, item, vectors = made
    values = [release.value_vectors(view.value_set_id) for view in item.category.keys]
    return scorer_inputs(item, tokenizer, key_rows(item.category, vectors), values)


def test_the_names_of_the_keys_follow_the_text(made):
    (found,) = inputs(made)
    text, _ = words(made[1].text.document.text, 256)
    assert found.ids[: len(text)].tolist() == text
    for (first, end), view in zip(found.key_at, made[1].category.keys, strict=True):
        assert found.ids[first : end + 1].tolist() == words(view.key.name, 10)[0][1:]
    assert found.key_at[-1, 1] == len(found.ids) - 1


def test_a_candidate_is_where_its_words_are(made):
    (found,) = inputs(made)
    _, offsets = words(made[1].text.document.text, 256)
    offered = [candidate for pair in made[1].pairs for candidate in pair.candidates]
    assert found.spans.shape == (len(offered), MAX_SPANS, 2)
    seen = 0
    for candidate, places in zip(offered, found.spans, strict=True):
        for (start, end), (first, last) in zip(candidate.spans[:MAX_SPANS], places, strict=False):
            assert offsets[first][0] <= start < offsets[first][1]
            assert offsets[last][0] < end <= offsets[last][1] + 1
            seen += 1
    assert seen > 0


def test_words_beyond_the_window_have_no_place(made):
    (found,) = inputs(made, lambda text, most: words(text, min(most, 4)))
    offered = [candidate for pair in made[1].pairs for candidate in pair.candidates]
    beyond = [n for n, c in enumerate(offered) if c.spans and min(c.spans)[0] > len("Navy Blue ")]
    assert beyond
    assert (found.spans[beyond] == -1).all()


def test_known_values_bring_their_vector_and_others_none(made):
    (found,) = inputs(made)
    offered = [candidate for pair in made[1].pairs for candidate in pair.candidates]
    known = np.array([candidate.position >= 0 for candidate in offered])
    assert known.any()
    assert not known.all()
    assert np.allclose(np.linalg.norm(found.values[known], axis=1), 1, atol=1e-2)
    assert not found.values[~known].any()


def test_a_key_carries_its_kind(made):
    (found,) = inputs(made)
    kinds = [KINDS[int(np.argmax(row[-5:-1]))] for row in found.keys]
    assert kinds == [view.key.value_kind for view in made[1].category.keys]


class Echo:
    """A network that says which candidate of which key it was asked about."""

    def __init__(self):
        self.calls = 0

    def run(self, given):
        self.calls += 1
        return given["owner"] * 1000.0 + np.arange(len(given["owner"]))


def test_scores_come_back_to_their_pairs(made):
    release, item, vectors = made
    found = Scorer(META, Echo(), words, NOTHING, release).logits(item, vectors)
    assert [len(one) for one in found] == [len(pair.candidates) for pair in item.pairs]
    assert [int(one[0]) // 1000 for one in found if len(one)] == [
        k for k, one in enumerate(found) if len(one)
    ]


def test_many_keys_are_asked_in_groups(made, monkeypatch):
    monkeypatch.setattr("pipelines.library.scorer_input.MAX_KEYS", 2)
    release, item, vectors = made
    network = Echo()
    found = Scorer(META, network, words, NOTHING, release).logits(item, vectors)
    assert [len(one) for one in found] == [len(pair.candidates) for pair in item.pairs]
    assert network.calls > 1
    assert MAX_KEYS == 24


def test_key_vectors_are_encoded_once(made):
    asked = []

    async def embed(texts):
        asked.extend(texts)
        return await small.embed(texts)

    keys, category = KeyVectors(embed), made[1].category
    first = asyncio.run(keys.of([category, category]))
    again = asyncio.run(keys.of([category]))
    assert asked == [key_text(category, view) for view in category.keys]
    assert np.array_equal(first[category.category_id], again[category.category_id])


def test_a_description_that_is_not_whole_is_refused(tmp_path):
    (tmp_path / "scorer.json").write_text(meta_text(META), "utf-8")
    assert read_meta(tmp_path) == META
    (tmp_path / "scorer.json").write_text(meta_text(META)[:-9], "utf-8")
    with pytest.raises(ScorerDamaged, match="make setup"):
        read_meta(tmp_path)
