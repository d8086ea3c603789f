"""Small ontologies for tests, as files and as snapshots, and an encoder that needs no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.snapshot import Snapshot

Rows = Sequence[Mapping[str, Any]]
DIMENSIONS = 32

CATEGORIES: Rows = (
    {"category_id": "drinks", "name": "Drinks", "parent_id": None},
    {"category_id": "tea", "name": "Tea", "parent_id": "drinks", "synonyms": ["茶叶"]},
    {"category_id": "coffee", "name": "Coffee", "parent_id": "drinks"},
)
KEYS: Rows = (
    {"category_id": "drinks", "key_id": "brand", "name": "Brand", "value_kind": "free"},
    {"category_id": "tea", "key_id": "form", "name": "Form", "value_kind": "enumerated"},
    {"category_id": "tea", "key_id": "net_weight", "name": "Net weight", "value_kind": "measure",
     "normalization": {"rule": "Unit Conversion", "instruction": "to grams"}},
    {"category_id": "coffee", "key_id": "form", "name": "Form", "value_kind": "enumerated", "multi_valued": False},
)  # fmt: skip
VALUES: Rows = (
    {"category_id": "drinks", "key_id": "brand", "value_id": "b1", "text": "Lipton", "frequency": 7},
    {"category_id": "tea", "key_id": "form", "value_id": "f1", "text": "loose leaf", "synonyms": ["散茶"]},
    {"category_id": "tea", "key_id": "form", "value_id": "f2", "text": "bag"},
    {"category_id": "coffee", "key_id": "form", "value_id": "f1", "text": "loose leaf", "synonyms": ["散茶"]},
    {"category_id": "coffee", "key_id": "form", "value_id": "f2", "text": "bag"},
)
TAGS: Rows = ({"tag_id": "picnic", "name": "Picnic", "category_ids": ["tea", "coffee"]},)


def write_lines(path: Path, rows: Iterable[Mapping[str, Any] | str | bytes]) -> Path:
    """JSON lines; text and bytes go in as they are."""
    lines = [
        row if isinstance(row, bytes) else (row if isinstance(row, str) else json.dumps(row)).encode()
        for row in rows
    ]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def write_interchange(
    folder: Path,
    categories: Iterable[Any] = CATEGORIES,
    keys: Iterable[Any] = KEYS,
    values: Iterable[Any] = VALUES,
    tags: Iterable[Any] | None = TAGS,
) -> Path:
    """An ontology folder of JSON lines."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("categories", categories), ("keys", keys), ("values", values), ("tags", tags)):
        if rows is not None:
            write_lines(folder / f"{name}.jsonl", rows)
    return folder


def write_backbone(folder: Path, categories: Rows, attributes: Rows, values: Rows) -> Path:
    """An ontology folder in the backbone's shape."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("categories", categories), ("attributes", attributes), ("values", values)):
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), folder / f"{name}.parquet")
    return folder


def small(folder: Path) -> Snapshot:
    """The small ontology of this module."""
    return load_interchange(write_interchange(folder))


def unversioned(snapshot: Snapshot) -> Snapshot:
    """The snapshot without its version, to compare content."""
    return replace(snapshot, version="")


def vector_of(text: str, seed: int = 0) -> np.ndarray:
    """A unit vector that depends on the text alone."""
    number = int.from_bytes(hashlib.sha256(f"{seed}{text}".encode()).digest()[:8], "little")
    row = np.random.default_rng(number).standard_normal(DIMENSIONS).astype(np.float32)
    return row / np.linalg.norm(row)


class HashEncoder:
    """Encodes by hash and remembers what it was asked; `stop_after` texts it fails like a dead server."""

    def __init__(
        self, seed: int = 0, stop_after: int | None = None, wait: Callable[[], None] | None = None
    ) -> None:
        self.asked: list[str] = []
        self.seed = seed
        self.stop_after = stop_after
        self.wait = wait

    async def __call__(self, texts: Sequence[str]) -> np.ndarray:
        if self.stop_after is not None and len(self.asked) + len(texts) > self.stop_after:
            raise ConnectionError("the encoder is gone")
        if self.wait:
            self.wait()
        self.asked.extend(texts)
        return np.stack([vector_of(text, self.seed) for text in texts])
