"""The demo's pictures: as their script makes them, readable by the real OCR, and the only place of what they state."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from infra.demo.build_images import FOLDER, SHOWN, Shown, differing, files
from infra.images import ImageLoader
from infra.ocr import Ocr
from schemas.image import ImageSettings
from schemas.listing import Listing
from schemas.parse import parse_record
from udfs.image_text import text_of


def test_the_committed_files_are_what_the_script_makes(tmp_path: Path) -> None:
    assert differing() == []
    assert differing(tmp_path) == list(files())


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.item_id)
def test_the_real_ocr_reads_every_line(shown: Shown, tmp_path: Path) -> None:
    async def read() -> str:
        loader = ImageLoader(ImageSettings(mode="ocr", folder=str(FOLDER)))
        picture = await loader.load(0, f"file:{shown.item_id}.png")
        await loader.close()
        return text_of(await Ocr(tmp_path).read(picture))

    # spaces between a number and its unit are the reader's to see or not
    assert asyncio.run(read()).replace(" ", "").split("\n") == [row.replace(" ", "") for row in shown.rows]


def test_listings_and_gold_fit_the_contract_and_the_titles_keep_quiet() -> None:
    rows = [json.loads(line) for line in (FOLDER / "listings.jsonl").read_text("utf-8").splitlines()]
    listings = [parse_record(Listing, row) for row in rows]
    assert [listing.item_id for listing in listings] == [shown.item_id for shown in SHOWN]
    gold = [json.loads(line) for line in (FOLDER / "gold.jsonl").read_text("utf-8").splitlines()]
    stated = {(row["item_id"], row["key_id"]): row["values"] for row in gold}
    for shown in SHOWN:
        for key_id, value in shown.printed:
            assert stated[shown.item_id, key_id] == [value]
            assert value.split()[0].lower() not in f"{shown.title} {shown.description}".lower().split()
