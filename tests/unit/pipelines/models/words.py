"""Vectors that need no model: texts share directions where they share words. And the demo catalog, split."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from pipelines.models.encoder_sets import SetParts, read_parts
from pipelines.models.vector_file import VectorFile
from udfs.tokens import match_form

ROOT = Path(__file__).resolve().parents[4]
CATALOG = ROOT / "infra" / "demo" / "catalog"
DIMENSIONS = 64


@cache
def catalog() -> SetParts:
    return read_parts(CATALOG, 1_800_000_000_000)


def word_vectors(texts: Iterable[str], name: str = "words") -> VectorFile:
    kept = list(dict.fromkeys(texts))
    rows = np.full((len(kept), DIMENSIONS), 1e-3, np.float32)
    for row, text in zip(rows, kept, strict=True):
        for word in match_form(text).split():
            row[zlib.crc32(word.encode()) % DIMENSIONS] += 1.0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return VectorFile(name, rows, {text: place for place, text in enumerate(kept)})
