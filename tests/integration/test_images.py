"""Images end to end: the demo's pictures, the real OCR, encoder and ranker, by `aiic evaluate`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from infra.demo.build_images import FOLDER, SHOWN
from tests.integration.conftest import RunningStack

pytestmark = pytest.mark.integration
PRINTED = {(one.item_id, key_id) for one in SHOWN for key_id, _ in one.printed}


def evaluated(stack: RunningStack, tmp_path: Path, images: str) -> dict[str, float]:
    out = tmp_path / f"{images}.json"
    environment = dict(stack.env) | {
        "AIIC_IMAGE_FOLDER": str(FOLDER),
        "AIIC_IMAGE_CACHE": str(tmp_path / "cache"),
    }
    words = [
        "evaluate", "--ontology", "infra/demo/catalog/ontology", "--listings", str(FOLDER / "listings.jsonl"),
        "--gold", str(FOLDER / "gold.jsonl"), "--discriminator", "off", "--images", images, "--json", str(out),
    ]  # fmt: skip
    ran = replace(stack, env=environment).aiic(*words)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, float] = json.loads(out.read_text("utf-8"))
    return found


def test_what_only_images_state_is_found_by_reading_them(stack: RunningStack, tmp_path: Path) -> None:
    off, ocr = evaluated(stack, tmp_path, "off"), evaluated(stack, tmp_path, "ocr")
    assert off["true_positives"] <= 41 - len(PRINTED) + 2, "the titles must not give it away"
    assert ocr["recall"] >= off["recall"] + 0.35
    assert ocr["precision"] >= 0.85
    assert "rapidocr" in ocr["about"]["model"] and "rapidocr" not in off["about"]["model"]  # type: ignore[index]
    assert len(list((tmp_path / "cache").rglob("*.json"))) == len(SHOWN)
    again = evaluated(stack, tmp_path, "ocr")
    assert {name: again[name] for name in ("precision", "recall")} == {name: ocr[name] for name in ("precision", "recall")}  # fmt: skip
