"""Settings of images from the environment: what is asked for, and what is refused before anything starts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from infra.fake_vllm import FakeVllm
from infra.local.config import ConfigError
from jobs.cli import main
from jobs.images import image_settings, open_images
from schemas.image import NO_IMAGES, ImageSettings


def test_off_is_off_whatever_else_is_set() -> None:
    found = image_settings("off", "cascade", {"AIIC_IMAGE_FOLDER": "/x", "AIIC_VISION_URL": "http://h/v1"})
    assert found == NO_IMAGES
    assert asyncio.run(open_images(found, 1.0, 1)) == (None, "", None)


def test_the_environment_says_where_images_come_from() -> None:
    env = {
        "AIIC_IMAGE_FOLDER": "/data/images",
        "AIIC_IMAGE_HOSTS": "img.example, *.CDN.example,",
        "AIIC_IMAGE_CACHE": "/cache",
        "AIIC_IMAGE_MAX_BYTES": "1000",
        "AIIC_IMAGE_TIMEOUT_S": "2.5",
    }
    assert image_settings("ocr", "off", env) == ImageSettings(
        mode="ocr",
        folder="/data/images",
        hosts=("img.example", "*.cdn.example"),
        cache_dir="/cache",
        max_bytes=1000,
        timeout_s=2.5,
    )


@pytest.mark.parametrize(
    ("mode", "discriminator", "env", "told"),
    [
        ("see", "cascade", {}, "choose from off, ocr, vision, both"),
        ("vision", "cascade", {}, "set AIIC_VISION_URL"),
        ("both", "off", {"AIIC_VISION_URL": "http://h/v1"}, "use --discriminator cascade or all"),
        ("ocr", "off", {"AIIC_IMAGE_MAX_PIXELS": "many"}, "AIIC_IMAGE_MAX_PIXELS = 'many': give a number above 0"),
        ("ocr", "off", {"AIIC_IMAGE_TIMEOUT_S": "nan"}, "give a number above 0"),
        ("ocr", "off", {"AIIC_IMAGE_MAX_IMAGES": "-1"}, "give a number above 0"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_told(mode: str, discriminator: str, env: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("(", r"\(")):
        image_settings(mode, discriminator, env)


def test_the_models_id_says_how_images_were_read(tmp_path: Path) -> None:
    async def run(**more: Any) -> str:
        async with FakeVllm() as fake:
            asked = ImageSettings(mode="both", vision_url=fake.url, cache_dir=str(tmp_path), **more)
            opened = await open_images(asked, 3.0, 1)
            await opened.close()
            return opened.model

    plain = asyncio.run(run())
    assert plain.startswith(" + rapidocr-3.")
    assert " + sees by fake-vision of images " in plain
    assert plain == asyncio.run(run(timeout_s=1.0)), "patience decides nothing"
    others = [{"folder": "/x"}, {"hosts": ("img.example",)}, {"max_images": 9}, {"max_bytes": 9}]
    assert len({plain, *(asyncio.run(run(**more)) for more in others)}) == 5


def test_run_tells_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIIC_VISION_URL", raising=False)
    path = tmp_path / "listings.jsonl"
    path.write_text(json.dumps({"item_id": "a", "title": "Tea"}) + "\n", "utf-8")
    words = ["run", "--ontology", "tea", "--listings", str(path), "--warehouse", str(tmp_path / "w")]
    assert main([*words, "--images", "vision"]) == 1
    assert "AIIC_VISION_URL" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()
