"""A small ontology of our own, listings for it, and an encoder that needs no server."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.library.keys import CategoryView, category_view
from pipelines.ontology.make_release import make_release
from pipelines.ontology.release import Release
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from pipelines.ontology.store import OntologyStore, Source
from schemas.listing import Listing
from schemas.ontology import AttributeKey, Category, Normalization, ScenarioTag
from udfs.tokens import match_form

DIMENSIONS = 64
CM = Normalization("Unit Conversion", "Convert to centimeters (cm), rounded to one decimal place.")


def key(key_id: str, name: str, kind: str, **more: object) -> AttributeKey:
    return AttributeKey("mugs", key_id, name, value_kind=kind, **more)  # type: ignore[arg-type]


def snapshot() -> Snapshot:
    colours = ValueSet(
        "colours",
        "Colour",
        (Value("c1", "Red", 5, ("红色",)), Value("c2", "Navy Blue", 3), Value("c3", "red", 1)),
    )
    materials = ValueSet(
        "materials", "Material", (Value("m1", "Stainless Steel", 4), Value("m2", "Ceramic", 2))
    )
    links = (
        CategoryKey(key("colour", "Colour", "enumerated", synonyms=("颜色",), multi_valued=True), "colours"),
        CategoryKey(key("material", "Material", "enumerated", multi_valued=False), "materials"),
        CategoryKey(key("height", "Height", "measure", normalization=CM), ""),
        CategoryKey(key("model", "Model", "identifier"), ""),
    )
    return Snapshot(
        version="v1",
        categories={"home": Category("home", "Home", None), "mugs": Category("mugs", "Mugs", "home")},
        keys={"mugs": links},
        value_sets={"colours": colours, "materials": materials},
        tags={"gift": ScenarioTag("gift", "Gift for her", synonyms=("送礼",))},
    )


def view() -> CategoryView:
    return category_view(snapshot(), "mugs")


def listing(title: str, description: str = "", **more: object) -> Listing:
    return Listing(item_id="i1", title=title, description=description, category_id="mugs", **more)  # type: ignore[arg-type]


async def embed(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors that share directions where texts share words."""
    rows = np.full((len(texts), DIMENSIONS), 1e-3, np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in match_form(text).split():
            row[zlib.crc32(word.encode()) % DIMENSIONS] += 1.0
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


async def release(folder: Path) -> Release:
    store = OntologyStore(folder, "small")
    version = store.commit(snapshot(), Source("test"), 0).version
    return await make_release(store, version, embed, "words", folder / "release")
