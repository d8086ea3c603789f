"""Builds the demo's listings with images: `python -m infra.demo.build_images` writes them, `--check` compares them.

Eight listings of the demo ontology whose title says little; the rest is printed on the picture of their box or label. The
pictures are drawn here, with the font that Pillow carries. Gold holds what title and picture state together.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

FOLDER = Path(__file__).with_name("images")
KEYS = Path(__file__).with_name("catalog") / "ontology" / "keys.jsonl"
SIZE = (520, 380)
MOST_DIFFERENCE = 2.0
"""Mean difference of pixels (0 to 255) up to which a picture is the same: font engines differ a little."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One listing with a picture: what is printed where (large first line, then rows of label and value), and its gold.

    `stated`: gold of the title; `printed`: gold that only the picture states.
    """

    item_id: str
    category_id: str
    title: str
    description: str
    ground: str
    ink: str
    rows: tuple[str, ...]
    stated: tuple[tuple[str, str], ...]
    printed: tuple[tuple[str, str], ...]


SHOWN = (
    Shown(
        "image-0001", "tea", "WILLOWGATE Dragon Well green tea", "A calm cup for the afternoon.", "#f4efe2", "#20351f",
        ("Dragon Well", "Net weight 250 g", "Organic", "Loose leaf"),
        (("brand", "WILLOWGATE"), ("tea_name", "Dragon Well"), ("tea_type", "Green Tea")),
        (("net_weight", "250"), ("certification", "Organic"), ("form", "Loose Leaf")),
    ),
    Shown(
        "image-0002", "coffee", "MOKARI Morning Bell coffee", "Roasted in small batches.", "#3b2417", "#f7e9d0",
        ("Morning Bell", "Dark roast", "340 g", "Whole bean"),
        (("brand", "MOKARI"), ("blend_name", "Morning Bell")),
        (("roast", "Dark Roast"), ("net_weight", "340"), ("form", "Whole Bean")),
    ),
    Shown(
        "image-0003", "desk_lamps", "Glimmerly Arc 300 desk lamp", "It folds flat.", "#ffffff", "#111111",
        ("Arc 300", "Power 9 W", "Brightness 450 lm", "Model GL-3077K"),
        (("brand", "Glimmerly"), ("model_name", "Arc 300")),
        (("power", "9 Watts"), ("luminous_flux", "450"), ("model_number", "GL3077K")),
    ),
    Shown(
        "image-0004", "storage_drives", "Corvid Data Rook drive", "For archives at home.", "#10243d", "#e8f1ff",
        ("ROOK", "2 TB", "SATA III", "P/N CR-C7783-CU"),
        (("brand", "Corvid Data"), ("series", "Rook")),
        (("capacity", "2 Terabytes"), ("interface", "SATA III"), ("part_number", "CRC7783CU")),
    ),
    Shown(
        "image-0005", "kitchen_knives", "Kurotani Tsuki knife", "Keep it dry.", "#e9e9e9", "#7a1420",
        ("Tsuki", "Damascus steel", "Blade 18 cm", "60 HRC"),
        (("brand", "Kurotani"), ("series", "Tsuki")),
        (("blade_material", "Damascus Steel"), ("blade_length", "18.0"), ("hardness", "60")),
    ),
    Shown(
        "image-0006", "mens_shirts", "Calder Street Workday shirt", "Made to be worn often.", "#dfe8ee", "#1c2b3a",
        ("Workday", "100% Linen", "Size XL", "Slim fit"),
        (("brand", "Calder Street"), ("collection", "Workday")),
        (("material", "Linen"), ("size", "XL"), ("fit", "Slim Fit")),
    ),
    Shown(
        "image-0007", "skin_cream", "Dermova Hydra Veil cream", "Close the jar well.", "#fbe3ea", "#5b1a3a",
        ("Hydra Veil", "50 ml", "SPF 30", "For dry skin"),
        (("brand", "Dermova"), ("product_name", "Hydra Veil")),
        (("volume", "50"), ("sun_protection", "30"), ("skin_type", "Dry Skin")),
    ),
    Shown(
        "image-0008", "headphones", "Okavi Hush One headphones", "With a pouch.", "#1b1b1d", "#c9f2e3",
        ("Hush One", "Battery 40 hours", "Weight 254 g", "Model OK-H1052B"),
        (("brand", "Okavi"), ("model_name", "Hush One")),
        (("battery_life", "40"), ("weight", "254"), ("model_number", "OKH1052B")),
    ),
)  # fmt: skip


def picture(shown: Shown) -> Image.Image:
    """The picture of a box: a frame, the name in large letters, the rows below."""
    image = Image.new("RGB", SIZE, shown.ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((12, 12, SIZE[0] - 13, SIZE[1] - 13), outline=shown.ink, width=3)
    for row, text in enumerate(shown.rows):
        font = ImageFont.load_default(size=44 if row == 0 else 30)
        draw.text((44, 40 if row == 0 else 70 + 70 * row), text, fill=shown.ink, font=font)
    return image


def files(shown: Sequence[Shown] = SHOWN) -> dict[str, bytes]:
    """Every generated file by its name."""
    found = {"listings.jsonl": _lines(map(_listing, shown)), "gold.jsonl": _lines(_gold(shown))}
    for one in shown:
        target = io.BytesIO()
        picture(one).save(target, "PNG", optimize=True)
        found[f"{one.item_id}.png"] = target.getvalue()
    return found


def differing(folder: Path = FOLDER) -> list[str]:
    """Names of files that are missing or are not what this module makes."""
    return [name for name, content in files().items() if not _same(folder / name, content)]


def _same(path: Path, content: bytes) -> bool:
    if not path.is_file():
        return False
    if path.suffix != ".png":
        return path.read_bytes() == content
    with Image.open(path) as there, Image.open(io.BytesIO(content)) as made:
        if there.size != made.size:
            return False
        return max(ImageStat.Stat(ImageChops.difference(there.convert("RGB"), made)).mean) <= MOST_DIFFERENCE


def _listing(shown: Shown) -> dict[str, object]:
    return {
        "item_id": shown.item_id,
        "category_id": shown.category_id,
        "title": shown.title,
        "description": shown.description,
        "image_urls": [f"file:{shown.item_id}.png"],
        "locale": "en",
        "event_time": "2026-08-01T08:00:00Z",
    }


def _gold(shown: Sequence[Shown]) -> list[dict[str, object]]:
    """One row for every key of each item's category; [] for what neither title nor picture states."""
    keys = [json.loads(line) for line in KEYS.read_text("utf-8").splitlines()]
    rows: list[dict[str, object]] = []
    for one in shown:
        values = dict((*one.stated, *one.printed))
        for key in keys:
            if key["category_id"] == one.category_id:
                found = [values[key["key_id"]]] if key["key_id"] in values else []
                rows.append({"item_id": one.item_id, "key_id": key["key_id"], "values": found})
    return rows


def _lines(rows: Iterable[object]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8")


def main() -> int:
    """Write the files, or say which differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what differs")
    if parser.parse_args().check:
        found = differing()
        print("\n".join(found) or "up to date")
        return 1 if found else 0
    FOLDER.mkdir(exist_ok=True)
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
