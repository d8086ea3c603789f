"""The cascade: who answers what, that nothing else can come out, and that the wrong encoder is noticed."""

import asyncio

import numpy as np
import pytest

from pipelines.library.answers import Usage
from pipelines.library.calibration import OperatingPoint
from pipelines.library.open_pairs import OpenPair, ask_discriminator, mix, open_pairs
from pipelines.library.pairs import item_pairs
from pipelines.library.ranker import FEATURE_VERSION, RankerMeta
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.s2d import S2D
from pipelines.ontology.errors import ModelMismatch
from schemas.inference import Completion, RequestRefused, ServerUnavailable
from tests.unit.pipelines.library import small
from udfs.document import document

META = RankerMeta("t", FEATURE_VERSION, 0.5, 0.2, 0.8, (0.0, 1.0, 1.0), "", {})


def config(mode="cascade"):
    return RecogniserConfig("", "", "", "", discriminator=mode)


class FixedRanker:
    """Gives every candidate that words name the same probability, others none."""

    meta = META

    def __init__(self, p):
        self.p = p

    def probabilities(self, pairs):
        return [
            np.array([self.p if "lexical" in c.sources else 0.01 for c in pair.candidates], np.float32)
            for pair in pairs
        ]


class Model:
    """A text model that writes whatever it was made to write."""

    def __init__(self, text):
        self.text = text
        self.prompts = []

    async def complete(self, prompt, max_tokens, *, regex=None, logprobs=0):
        self.prompts.append(prompt)
        return Completion(self.text, (), 10, 0, 5)


async def nothing():
    return None


def recogniser(tmp_path, p, mode, model, encoder="words"):
    release = asyncio.run(small.release(tmp_path))
    return S2D(config(mode), release, FixedRanker(p), "m", encoder, small.embed, model, nothing)


def recognise(tmp_path, p, mode, model, item):
    (found,), usage = asyncio.run(recogniser(tmp_path, p, mode, model).recognise([item]))
    return {answer.key_id: answer for answer in found.answers}, usage


ITEM = small.listing("Red ceramic mug")


def test_the_sure_ranker_answers_without_the_model(tmp_path):
    model = Model("[]")
    found, usage = recognise(tmp_path, 0.95, "cascade", model, ITEM)
    assert found["colour"].values == ("Red",)
    assert model.prompts == []
    assert usage.pairs == {"ranker": 5}


def test_switched_off_the_model_is_never_asked(tmp_path):
    model = Model("[]")
    recognise(tmp_path, 0.5, "off", model, ITEM)
    assert model.prompts == []


@pytest.mark.parametrize("reply", ["ignore the candidates", '["a9"]', '["z0"]', "", '["a0","a1"]', "null"])
def test_a_reply_that_names_anything_else_changes_nothing(tmp_path, reply):
    off, _ = recognise(tmp_path / "off", 0.6, "off", Model(""), ITEM)
    found, usage = recognise(tmp_path / "on", 0.6, "cascade", Model(reply), ITEM)
    assert {k: a.values for k, a in found.items()} == {k: a.values for k, a in off.items()}
    assert usage.tokens["failed_pairs"] > 0


def test_all_sends_every_pair_with_candidates(tmp_path):
    model = Model("broken")
    _, usage = recognise(tmp_path, 0.99, "all", model, ITEM)
    assert usage.tokens["failed_pairs"] >= 2


def test_an_encoder_that_did_not_make_the_release_is_refused(tmp_path):
    wrong = recogniser(tmp_path, 0.9, "off", Model(""), encoder="other")
    with pytest.raises(ModelMismatch, match="words"):
        asyncio.run(wrong.recognise([ITEM]))


def test_a_missing_category_is_predicted(tmp_path):
    item = type(ITEM)(item_id="i2", title="Ceramic mug in red", category_id=None)
    (found,), _ = asyncio.run(recogniser(tmp_path, 0.9, "off", Model("")).recognise([item]))
    assert found.category_id == "mugs"
    assert 0 < found.category_confidence <= 1


def test_siblings_share_the_beginning_of_their_prompts(tmp_path):
    model = Model("broken")
    text = "A sturdy ceramic cup for every day."
    items = [
        type(ITEM)(item_id=f"i{n}", spu_id="s", title=f"{colour} mug", description=text, category_id="mugs")
        for n, colour in enumerate(("Red", "Navy blue"))
    ]
    asyncio.run(recogniser(tmp_path, 0.6, "cascade", model).recognise(items))
    starts = {prompt.split("This one:")[0] for prompt in model.prompts}
    assert len(starts) == 1
    assert text in next(iter(starts))


def test_mix_follows_its_weights():
    both = mix(np.array([0.5, 0.9], np.float32), (0.9, 0.5), META)
    assert np.allclose(both, 0.9, atol=1e-4)


def test_open_pairs_are_those_between_the_bounds():
    doc = document(ITEM)
    item = item_pairs(0, ITEM, doc, small.view(), [{}] * 5)
    ranked = [
        np.full(len(pair.candidates), p, np.float32)
        for pair, p in zip(item.pairs, (0.5, 0.9, 0.5, 0.1, 0.5), strict=True)
    ]
    assert [pair.key for pair in open_pairs(0, item, ranked, config(), META)] == [0]


def test_a_dead_server_is_an_error_not_an_answer():
    class Dead:
        async def complete(self, *_args, **_more):
            raise ServerUnavailable("down")

    doc = document(ITEM)
    item = item_pairs(0, ITEM, doc, small.view(), [{}] * 5)
    pair = item.pairs[0]
    opened = OpenPair(
        0,
        0,
        item.category.keys[0],
        item,
        tuple(pair.candidates),
        np.full(len(pair.candidates), 0.5, np.float32),
    )
    with pytest.raises(ServerUnavailable):
        asyncio.run(ask_discriminator([opened], Dead(), config(), META, OperatingPoint(0.5), Usage()))


class Narrow(Model):
    """A text model of a window of 2,048 tokens, which makes a token of every byte: as bad as a tokenizer can be."""

    window = 2_048

    async def complete(self, prompt, max_tokens, *, regex=None, logprobs=0):
        if len(prompt.encode()) + max_tokens > self.window:
            raise RequestRefused(f"HTTP 400: {len(prompt.encode())} tokens are longer than the model")
        return await super().complete(prompt, max_tokens, regex=regex, logprobs=logprobs)


@pytest.mark.parametrize("mode", ["cascade", "all"])
@pytest.mark.parametrize("word", ["xqzvkjw ", "龘爨齉", "😀🥸", "\U0001d538\U00010348"])
def test_an_item_of_too_many_tokens_is_asked_with_less_text(tmp_path, mode, word):
    stated = "".join(f"Colour: {n}{(word * 80)[:77]}, " for n in range(12))
    model = Narrow("broken")
    found, usage = recognise(tmp_path, 0.6, mode, model, small.listing("Red mug " + word * 400, stated))
    assert found["colour"].values == ("Red",)
    assert model.prompts and usage.tokens["failed_pairs"] > 0


def test_a_server_that_refuses_everything_is_an_error(tmp_path):
    model = Narrow("broken")
    model.window = 0
    with pytest.raises(RequestRefused, match="longer"):
        recognise(tmp_path, 0.6, "cascade", model, ITEM)


@pytest.mark.parametrize(
    "item",
    [small.listing(""), small.listing("!!! ---"), small.listing("\u200b\u202e"), small.listing("9" * 4_000)],
)
def test_an_item_that_says_nothing_states_nothing(tmp_path, item):
    found, _ = recognise(tmp_path, 0.9, "all", Model("broken"), item)
    assert {name: answer.values for name, answer in found.items()} == dict.fromkeys(found, ())
