"""Candidates without a chance are not offered; the likeliest few always are, and what was decided is of the same candidates."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from pipelines.library.open_pairs import OpenPair
from pipelines.reduction.config import Reduction
from pipelines.reduction.offered import worth_offering
from tests.unit.pipelines.reduction.mugs import mug, recogniser


def pair(*chances: float) -> OpenPair:
    offered = tuple(SimpleNamespace(value=f"v{n}") for n in range(len(chances)))
    return OpenPair(0, 0, None, None, offered, np.asarray(chances, np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chances", "least", "left"),
    [
        ((0.9, 0.5, 0.2, 0.01, 0.0001), 0.002, 4),
        ((0.9, 0.0, 0.0, 0.0), 0.002, 3),
        ((0.0, 0.0), 0.5, 2),
        ((0.9,), 0.95, 1),
        ((0.9, 0.5, 0.2, 0.01, 0.0001), 0.0, 5),
        ((), 0.5, 0),
    ],
)
def test_the_likeliest_are_left_in_their_order(chances, least, left) -> None:
    (found,) = worth_offering([pair(*chances)], least)
    assert [one.value for one in found.offered] == [f"v{n}" for n in range(left)]
    assert found.probabilities.tolist() == np.asarray(chances[:left], np.float32).tolist()


def test_prompts_are_shorter_and_rows_say_so(tmp_path) -> None:
    items = [mug("i1", "Red mug", "A sturdy ceramic cup.", spu_id=None)]
    whole, fewer = recogniser(tmp_path / "a"), recogniser(tmp_path / "b", Reduction(least_chance=0.5))
    expected = asyncio.run(whole.recognise(items))[0]
    found, usage = asyncio.run(fewer.recognise(items))
    assert [one.values for one in found[0].answers] == [one.values for one in expected[0].answers]
    assert len("".join(fewer.discriminator.prompts)) < len("".join(whole.discriminator.prompts))
    assert usage.pairs["ranker"] or usage.pairs["none"] or usage.pairs["extraction"]
    assert fewer.models.prompted != whole.models.prompted
