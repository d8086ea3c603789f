"""Training requests of open pairs: the very prompts that recognition sends, and what gold says of their candidates."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from pipelines.library.open_pairs import OpenPair, ask_item, open_pairs, shared_texts
from pipelines.library.pairs import item_pairs
from pipelines.library.ranker import FEATURE_VERSION, RankerMeta
from pipelines.library.recogniser import RecogniserConfig
from pipelines.models.sft_open import KEPT_SHARE, is_kept, open_example
from schemas.inference import Completion
from schemas.listing import Listing
from tests.unit.pipelines.library import small
from udfs.document import document
from udfs.replies import parse_reply

META = RankerMeta("t", FEATURE_VERSION, 0.5, 0.2, 0.8, (0.0, 1.0, 1.0), "", {})
CONFIG = RecogniserConfig("", "", "", "", keys_per_request=1)
ITEM = small.listing("Red ceramic mug, 350 ml")


def opened(item: Listing = ITEM) -> list[OpenPair]:
    """All pairs with candidates, the first candidate of each the likeliest."""
    pairs = item_pairs(0, item, document(item), small.view(), [{}] * 5)
    ranked = [np.linspace(0.6, 0.3, len(pair.candidates)).astype(np.float32) for pair in pairs.pairs]
    return open_pairs(0, pairs, ranked, CONFIG, META)


class Listener:
    """A text model that only remembers what it was asked."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    async def complete(
        self, prompt: str, max_tokens: int, *, regex: str | None = None, logprobs: int = 0
    ) -> Completion:
        self.prompts.append(prompt)
        return Completion("", (), 1, 0, 1)


def test_the_model_learns_from_the_very_prompts_that_it_will_be_sent() -> None:
    pairs, listener = opened(), Listener()
    asyncio.run(ask_item(pairs, shared_texts(pairs[:1])[0], listener, CONFIG))
    example = open_example("small", pairs, {}, CONFIG.keys_per_request)
    asked = [example.prefix + request.prompt for request in example.requests]
    assert len(asked) == len(pairs) > 1
    assert asked == list(dict.fromkeys(listener.prompts))  # a reply that is none is asked for again


def test_replies_name_the_true_candidates_and_none_where_none_is() -> None:
    pairs = opened()
    gold = {"colour": ["Red"], "material": ["steel"]}
    example = open_example("small", pairs, gold, 8)
    questions = [one.question for request in example.requests for one in request.asked]
    told = parse_reply("".join(request.reply for request in example.requests), questions)
    by_key = dict(zip([question.key_id for question in questions], told, strict=True))
    places = {pair.view.key.key_id: pair for pair in pairs}
    assert [places["colour"].offered[n].value for n in by_key["colour"]] == ["Red"]
    assert by_key["material"] == () and example.item_id == ITEM.item_id


def test_a_key_of_one_value_gets_one_and_nothing_open_is_refused() -> None:
    pairs = [pair for pair in opened() if len(pair.offered) > 1]
    pair = next(one for one in pairs if one.view.key.multi_valued is False)
    gold = {pair.view.key.key_id: [candidate.value for candidate in pair.offered]}
    (request,) = open_example("small", [pair], gold, 8).requests
    assert request.asked[0].choice == (0,)
    with pytest.raises(ValueError, match="open pair"):
        open_example("small", [], {}, 8)


def test_a_family_is_kept_whole_and_about_one_in_five_is() -> None:
    families = [
        [Listing(f"i{n}-{size}", "Red mug", spu_id=f"spu-{n}", category_id="mugs") for size in "sl"]
        for n in range(100)
    ]
    kept = [{is_kept(opened(item)[0]) for item in family} for family in families]
    assert all(len(found) == 1 for found in kept)
    assert 100 / KEPT_SHARE / 2 < sum(found == {True} for found in kept) < 2 * 100 / KEPT_SHARE
