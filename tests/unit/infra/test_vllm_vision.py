"""The client of a vision-language model against a server that really receives the pictures."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from typing import Any

import pytest
from PIL import Image

from infra import fake_vllm
from infra.fake_vllm import FakeVllm
from infra.vllm_vision import NOTE, VisionClient
from schemas.image import Picture
from schemas.inference import BadReply, Completion, RequestRefused, ServerUnavailable, Token

QUICK: dict[str, Any] = {"timeout_s": 3.0, "attempts": 2, "backoff_s": 0.01}
COLORS = {(255, 0, 0): "Red", (0, 0, 255): "Blue"}


def picture(color: str, number: int = 0) -> Picture:
    target = io.BytesIO()
    Image.new("RGB", (24, 16), color).save(target, "PNG")
    return Picture(number, color, "image/png", target.getvalue(), 24, 16)


def color_of(content: bytes) -> str:
    with Image.open(io.BytesIO(content)) as image:
        pixel = image.convert("RGB").getpixel((3, 3))
    assert isinstance(pixel, tuple)
    return COLORS[pixel]


def name_colors(prompt: str, images: Sequence[bytes]) -> str:
    return "; ".join(map(color_of, images))


def ask(fake: FakeVllm, *pictures: Picture, regex: str | None = None, logprobs: int = 0) -> Completion:
    async def run() -> Completion:
        async with fake, VisionClient(fake.url, **QUICK) as client:
            return await client.looking_at(pictures).complete("Which?", 9, regex=regex, logprobs=logprobs)

    return asyncio.run(run())


def test_the_answer_comes_from_the_pixels_that_arrived() -> None:
    assert ask(FakeVllm(look=name_colors), picture("red"), picture("blue", 1)).text == "Red; Blue"


def test_the_request_is_a_chat_with_pictures_first_and_the_prompt_last() -> None:
    fake = FakeVllm(look=name_colors)
    ask(fake, picture("red"), regex="(Red|none)", logprobs=50)
    (body,) = fake.requests
    parts = body["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "text"]
    assert parts[0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert parts[1]["text"] == NOTE + "Which?"
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("vision", 0, 9)
    assert body["structured_outputs"] == {"regex": "(Red|none)"}
    assert (body["logprobs"], body["top_logprobs"]) == (True, 20)


def test_tokens_and_counts_come_back() -> None:
    said = [Token("Re", -0.1, {"Re": -0.1, "Bl": -2.4}), Token("d", 0.0, {"d": 0.0})]
    found = ask(FakeVllm(look=lambda prompt, images: said), picture("red"), logprobs=5)
    assert (found.text, found.tokens, found.completion_tokens) == ("Red", tuple(said), 2)


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (fake_vllm.REFUSE, RequestRefused),
        (fake_vllm.ERROR_500, ServerUnavailable),
        (fake_vllm.NOT_JSON, BadReply),
        (fake_vllm.WRONG_SHAPE, BadReply),
    ],
)
def test_a_server_that_misbehaves_is_a_typed_error(mode: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(FakeVllm(mode=mode), picture("red"))


def test_the_model_tells_its_name() -> None:
    async def run() -> str:
        async with FakeVllm() as fake, VisionClient(fake.url, **QUICK) as client:
            return await client.model_id()

    assert asyncio.run(run()) == "fake-vision"
