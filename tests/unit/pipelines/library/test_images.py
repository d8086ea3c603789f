"""Images in recognition: their words by the real OCR, their pixels by a server that receives them, and what goes wrong."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from infra import fake_vllm
from infra.fake_vllm import FakeVllm
from infra.images import ImageLoader
from infra.ocr import Ocr
from infra.vllm_vision import VisionClient
from pipelines.library.answers import Answer, Usage
from pipelines.library.images import VISION_PROMPT_VERSION, ImageReader
from pipelines.library.ranker import FEATURE_VERSION, RankerMeta
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.s2d import S2D
from schemas.image import ImageSettings
from schemas.inference import Completion, ServerUnavailable
from schemas.knowledge import Evidence
from schemas.listing import Listing
from tests.unit.pipelines.library import small

META = RankerMeta("t", FEATURE_VERSION, 0.5, 0.2, 0.8, (0.0, 1.0, 1.0), "", {})
LABEL = ("Stainless Steel", "Model KX-204A", "Height 4 inches")


class Worded:
    """A ranker that is sure of whatever stands in the text, and of nothing else."""

    meta = META

    def probabilities(self, pairs):
        return [np.array([0.95 if c.spans else 0.01 for c in pair.candidates], np.float32) for pair in pairs]


class TextModel:
    """A text model that says nothing usable, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    async def complete(self, prompt, max_tokens, *, regex=None, logprobs=0):
        self.asked += 1
        return Completion("", (), 1, 0, 1)


def save(path: Path, color: str, *lines: str) -> None:
    image = Image.new("RGB", (420, 240), color)
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text(
            (20, 20 + 60 * row), line, fill="black", font=ImageFont.load_default(size=28)
        )
    image.save(path)


def recognise(
    tmp_path: Path,
    urls: Sequence[str],
    mode: str,
    vision: FakeVllm | None = None,
    text_model=None,
    **settings,
) -> tuple[dict[str, Answer], Usage]:
    """Answers by key of "Mug" with these images."""
    chosen = ImageSettings(mode=mode, folder=str(tmp_path), **settings)
    item = Listing(item_id="i1", title="Mug", category_id="mugs", image_urls=tuple(urls))

    async def nothing():
        return None

    async def run():
        release = await small.release(tmp_path / "ontology")
        client = (
            VisionClient(vision.url, timeout_s=3.0, attempts=1) if vision and chosen.shows_images else None
        )
        ocr = Ocr(tmp_path / "ocr") if chosen.reads_text else None
        images = ImageReader(chosen, ImageLoader(chosen), ocr, client)
        config = RecogniserConfig("", "", "", "", images=chosen)
        model = text_model or TextModel()
        s2d = S2D(config, release, Worded(), "m", "words", small.embed, model, nothing, images=images)
        try:
            return await s2d.recognise([item])
        finally:
            await images.loader.close()
            if client:
                await client.close()

    async def served():
        if vision is None:
            return await run()
        async with vision:
            return await run()

    (found,), usage = asyncio.run(served())
    return {answer.key_id: answer for answer in found.answers}, usage


def seeing() -> FakeVllm:
    """A server that answers the key Colour by the pixels it got, and none to all others."""
    fake = FakeVllm()

    def look(prompt: str, images: Sequence[bytes]) -> str:
        with Image.open(io.BytesIO(images[0])) as image:
            red, _, blue = image.convert("RGB").getpixel((5, 235 * image.height // 240))
        said = {"Colour": "Red" if red > blue else "Navy Blue"}
        names = re.findall(r"(?:^|\\n)([A-Za-z]+): ", fake.requests[-1]["structured_outputs"]["regex"])
        return "".join(f"{name}: {said.get(name, 'none')}\n" for name in names)

    fake.look = look
    return fake


def test_what_only_the_image_states_is_recognised_with_evidence_in_it(tmp_path):
    save(tmp_path / "label.png", "white", *LABEL)
    off, _ = recognise(tmp_path, ["file:label.png"], "off")
    assert {name: answer.values for name, answer in off.items()} == dict.fromkeys(off, ())
    found, usage = recognise(tmp_path, ["file:label.png"], "ocr")
    text = "\n".join(LABEL)
    assert found["material"].values == ("Stainless Steel",)
    assert found["material"].evidence == (Evidence("Stainless Steel", "images.0", 0, 15, "Stainless Steel"),)
    assert found["model"].values[0] in ("KX-204A", "KX204A")
    (height,) = [part for part in found["height"].evidence if part.value == "10.2"]
    assert (height.source_field, text[height.start : height.end]) == ("images.0", height.words)
    assert height.words == "4 inches"
    assert usage.tokens["images_read"] == 1


def test_evidence_names_the_image_that_it_is_in(tmp_path):
    save(tmp_path / "plain.png", "white")
    save(tmp_path / "label.png", "white", "Ceramic")
    found, _ = recognise(tmp_path, ["file:plain.png", "file:gone.png", "file:label.png"], "ocr")
    assert [part.source_field for part in found["material"].evidence] == ["images.2"]


def test_a_model_that_sees_answers_from_the_pixels_what_no_text_says(tmp_path):
    for color, value in (("#ff0000", "Red"), ("#000080", "Navy Blue")):
        save(tmp_path / "photo.png", color)
        found, usage = recognise(tmp_path, ["file:photo.png"], "vision", seeing())
        assert found["colour"].values == (value,)
        assert found["colour"].evidence == (Evidence(value, "images.0", 0, 0, ""),)
        assert found["colour"].method == "discriminator"
        assert found["colour"].prompt_version.endswith(VISION_PROMPT_VERSION)
        assert found["material"].values == ()
        assert usage.tokens["pairs_seen"] == 2


def test_of_several_images_the_model_does_not_say_which(tmp_path):
    save(tmp_path / "a.png", "#ff0000")
    found, _ = recognise(tmp_path, ["file:a.png", "file:a.png"], "vision", seeing())
    assert [part.source_field for part in found["colour"].evidence] == ["images"]


def test_both_read_and_see(tmp_path):
    save(tmp_path / "a.png", "#ff0000", "Model KX-204A", "Ceramic")
    fake = seeing()
    found, _ = recognise(tmp_path, ["file:a.png"], "both", fake)
    assert (found["colour"].values, found["material"].values) == (("Red",), ("Ceramic",))
    assert (
        "Printed in a picture: Model KX-204A / Ceramic"
        in fake.requests[0]["messages"][0]["content"][-1]["text"]
    )


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:broken.png", "broken"),
        ("file:text.png", "not_an_image"),
        ("file:gone.png", "not_found"),
        ("file:../outside.png", "outside_folder"),
        ("file:large.png", "too_large"),
        ("http://127.0.0.1:9/a.png", "host_not_allowed"),
        ("http://169.254.169.254/latest/meta-data", "host_not_allowed"),
        ("javascript:alert(1)", "scheme_not_allowed"),
    ],
)
@pytest.mark.parametrize("mode", ["ocr", "vision"])
def test_a_bad_image_is_counted_and_recognition_goes_on(tmp_path, url, reason, mode):
    folder = tmp_path / "in"
    folder.mkdir()
    save(folder / "label.png", "white", "Ceramic")
    (folder / "broken.png").write_bytes((folder / "label.png").read_bytes()[:900])
    (folder / "text.png").write_text("no image")
    (folder / "large.png").write_bytes(b"x" * 60_000)
    save(tmp_path / "outside.png", "white", "Stainless Steel")
    fake = seeing() if mode == "vision" else None
    bad, usage = recognise(folder, [url], mode, fake, max_bytes=50_000)
    assert usage.tokens[f"images_refused_{reason}"] == 1
    assert {name: answer.values for name, answer in bad.items()} == dict.fromkeys(bad, ())
    assert fake is None or fake.requests == []
    if mode == "ocr":
        found, _ = recognise(folder, [url, "file:label.png"], mode, max_bytes=50_000)
        assert found["material"].values == ("Ceramic",)
        assert found["material"].evidence[0].source_field == "images.1"


def test_a_model_that_refuses_the_images_is_replaced_by_the_text_model(tmp_path):
    save(tmp_path / "a.png", "#ff0000")
    text_model = TextModel()
    found, usage = recognise(tmp_path, ["file:a.png"], "vision", FakeVllm(mode=fake_vllm.REFUSE), text_model)
    assert usage.tokens["images_refused_by_model"] == 1
    assert text_model.asked > 0
    assert found["colour"].values == ()


def test_a_reply_that_is_none_of_the_candidates_changes_nothing(tmp_path):
    save(tmp_path / "a.png", "#ff0000")
    found, usage = recognise(tmp_path, ["file:a.png"], "vision", FakeVllm(mode=fake_vllm.HOSTILE))
    assert found["colour"].values == ()
    assert usage.tokens["rejected_replies"] > 0


def test_a_vision_server_that_is_down_is_an_error(tmp_path):
    save(tmp_path / "a.png", "#ff0000")
    with pytest.raises(ServerUnavailable):
        recognise(tmp_path, ["file:a.png"], "vision", FakeVllm(mode=fake_vllm.ERROR_500))


def test_no_more_images_than_allowed_are_read(tmp_path):
    for name in "abc":
        save(tmp_path / f"{name}.png", "#ff0000")
    fake = seeing()
    recognise(tmp_path, [f"file:{name}.png" for name in "abc"], "vision", fake, max_images=2)
    parts = fake.requests[0]["messages"][0]["content"]
    assert [part["type"] for part in parts] == ["image_url", "image_url", "text"]
