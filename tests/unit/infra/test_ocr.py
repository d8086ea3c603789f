"""The real OCR on a picture made here, and its notes: no picture is read twice."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from infra.ocr import Ocr, ocr_id, rapidocr_reader
from schemas.image import Picture, TextBox
from udfs.image_text import text_of

BOX = TextBox("220 V", 0.98, 1.0, 2.0, 30.0, 12.0)


def drawn(*lines: str) -> bytes:
    image = Image.new("RGB", (420, 60 * len(lines) + 20), "white")
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text(
            (20, 20 + 60 * row), line, fill="black", font=ImageFont.load_default(size=28)
        )
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def picture(content: bytes = b"", digest: str = "d1") -> Picture:
    return Picture(0, digest, "image/png", content, 420, 140)


class Counted:
    """Reads the same box out of everything, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, content: bytes) -> Sequence[TextBox]:
        self.calls += 1
        return [BOX]


def test_the_real_reader_reads_what_is_printed() -> None:
    boxes = rapidocr_reader()(drawn("Net weight 250 g", "Part No. NX7-482KL"))
    assert text_of(boxes) == "Net weight 250 g\nPart No. NX7-482KL"
    assert all(box.left < box.right and box.top < box.bottom for box in boxes)


def test_a_picture_without_words_has_none() -> None:
    assert list(rapidocr_reader()(drawn(" "))) == []


def test_no_picture_is_read_twice_by_any_process(tmp_path: Path) -> None:
    first, second = Counted(), Counted()

    async def read(reader: Ocr) -> list[tuple[TextBox, ...]]:
        return list(await asyncio.gather(*[reader.read(picture()) for _ in range(5)]))

    assert asyncio.run(read(Ocr(tmp_path, "r-1", first))) == [(BOX,)] * 5
    assert asyncio.run(read(Ocr(tmp_path, "r-1", second))) == [(BOX,)] * 5
    assert (first.calls, second.calls) == (1, 0)


def test_another_reader_or_picture_is_read_anew(tmp_path: Path) -> None:
    counted = Counted()

    async def read(reader: Ocr, digest: str) -> None:
        await reader.read(picture(digest=digest))

    for name, digest in (("r-1", "d1"), ("r-2", "d1"), ("r-1", "d2"), ("r-1", "d1")):
        asyncio.run(read(Ocr(tmp_path, name, counted), digest))
    assert counted.calls == 3


@pytest.mark.parametrize("damage", ["", "{", "[1]", '[{"text": "x"}]'])
def test_a_damaged_note_is_written_anew(tmp_path: Path, damage: str) -> None:
    counted = Counted()

    async def read() -> tuple[TextBox, ...]:
        return await Ocr(tmp_path, "r-1", counted).read(picture())

    asyncio.run(read())
    (note,) = tmp_path.rglob("*.json")
    note.write_text(damage, "utf-8")
    assert asyncio.run(read()) == (BOX,)
    assert asyncio.run(read()) == (BOX,)
    assert counted.calls == 2


def test_a_reader_that_fails_leaves_no_note(tmp_path: Path) -> None:
    def broken(content: bytes) -> Sequence[TextBox]:
        raise RuntimeError("engine died")

    with pytest.raises(RuntimeError, match="engine died"):
        asyncio.run(Ocr(tmp_path, "r-1", broken).read(picture()))
    assert list(tmp_path.rglob("*.json")) == []


def test_the_reader_has_a_version() -> None:
    assert ocr_id().startswith("rapidocr-3.")
