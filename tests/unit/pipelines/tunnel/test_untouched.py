"""Keys that a change does not touch are not asked again; any doubt asks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from pipelines.library.ranker import FEATURE_VERSION, RankerMeta
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.s2d import S2D
from pipelines.tunnel.untouched import LastAnswers
from schemas.inference import Completion
from schemas.listing import Listing
from tests.unit.pipelines.library import small

FILLER = " for the early morning and the late evening, packed with care in a plain carton by our own people"
MUG = small.listing("Red ceramic mug", "A mug" + FILLER, attributes={"Care": "dishwasher"})


class UnsureRanker:
    """Leaves open whatever words name."""

    meta = RankerMeta("t", FEATURE_VERSION, 0.5, 0.2, 0.8, (0.0, 1.0, 1.0), "", {})

    def probabilities(self, pairs):
        return [
            np.array([0.6 if "lexical" in one.sources else 0.01 for one in pair.candidates], np.float32)
            for pair in pairs
        ]


class Model:
    """Gives a broken reply, so that the ranker's opinion stands; counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def complete(self, prompt, max_tokens, *, regex=None, logprobs=0):
        self.asked += 1
        return Completion("", (), 10, 0, 5)


async def nothing() -> None:
    return None


class Setting:
    """A recogniser with a lender, and what it did with the last listing."""

    def __init__(self, folder, room: int = 10) -> None:
        self.model = Model()
        config = RecogniserConfig("", "", "", "", discriminator="cascade")
        release = asyncio.run(small.release(folder))
        self.s2d = S2D(config, release, UnsureRanker(), "m", "words", small.embed, self.model, nothing)
        self.s2d.lender = LastAnswers(room)

    def says(self, listing: Listing) -> tuple[dict, int, bool]:
        """Answers by key, how many were lent, and whether the model was asked."""
        before = self.model.asked
        (found,), usage = asyncio.run(self.s2d.recognise([listing]))
        return {one.key_id: one for one in found.answers}, usage.pairs["lent"], self.model.asked > before


@pytest.fixture
def setting(tmp_path):
    return Setting(tmp_path)


def test_the_first_text_is_asked_and_a_harmless_change_is_not(setting):
    first, lent, asked = setting.says(MUG)
    assert (first["colour"].values, first["material"].values) == (("Red",), ("Ceramic",))
    assert (lent, asked) == (0, True)
    changed = replace(MUG, description=MUG.description.replace("carton", "box"))
    again, lent, asked = setting.says(changed)
    assert (lent, asked) == (2, False)
    assert again == first


def test_evidence_moves_with_its_words(setting):
    text = "Packed with care in a plain carton by our own people for the early morning, painted Red"
    mug = small.listing("Mug", text)
    first, _, _ = setting.says(mug)
    moved, lent, asked = setting.says(replace(mug, description=text.replace("plain", "sturdy")))
    assert (lent, asked) == (1, False)
    assert [(one.start, one.words) for one in first["colour"].evidence] == [(len(text) - 3, "Red")]
    assert [(one.start, one.words) for one in moved["colour"].evidence] == [(len(text) - 2, "Red")]


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"title": "Navy blue ceramic mug"}, {"material"}),
        ({"title": "Red steel mug"}, {"colour"}),
        ({"description": "A mug, material fine" + FILLER}, {"colour"}),
        ({"attributes": {"Care": "dishwasher", "Colour": "as shown"}}, {"material"}),
        (
            {"description": "Quite another text, of which nearly every single word is new to everybody here"},
            set(),
        ),
        ({"image_urls": ("https://img.example/1.jpg",)}, set()),
        ({"item_id": "i2"}, set()),
    ],
    ids=["value", "value-word", "name", "attribute", "new-text", "image", "another-item"],
)
def test_what_a_change_bears_on_is_asked_again(setting, change, kept):
    first, _, _ = setting.says(MUG)
    changed = replace(MUG, **change)
    found, lent, _ = setting.says(changed)
    assert lent <= len(kept)
    for key_id in kept:
        assert found[key_id].values == first[key_id].values
    fresh, _, _ = Setting(setting.s2d.release.folder / "other").says(changed)
    assert {key: one.values for key, one in found.items()} == {key: one.values for key, one in fresh.items()}


def test_what_is_forgotten_is_asked_again(tmp_path):
    setting = Setting(tmp_path, room=1)
    setting.says(MUG)
    setting.says(replace(MUG, item_id="i2"))
    _, lent, asked = setting.says(MUG)
    assert (lent, asked) == (0, True)
