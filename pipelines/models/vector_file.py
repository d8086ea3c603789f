"""Vectors of texts in one file, so that they can be made where torch is and used where the engines are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class TextMissing(KeyError):
    """A text that the file has no vector of: it was made from other data."""


@dataclass(frozen=True)
class VectorFile:
    """Unit vectors by text, and the name of the model that made them."""

    model: str
    rows: Floats
    places: dict[str, int]

    def of(self, texts: Sequence[str]) -> Floats:
        """The vectors of some texts. Shapes: float32 (N, d). Errors: TextMissing."""
        missing = [text for text in texts if text not in self.places]
        if missing:
            raise TextMissing(
                f"{len(missing)} texts have no vector of {self.model}, the first is {missing[0][:60]!r}: "
                "write the texts and encode them again"
            )
        return self.rows[[self.places[text] for text in texts]]

    async def encode(self, texts: Sequence[str]) -> Floats:
        """As `of`, in the form that a release is made with."""
        return self.of(texts)


def save_vectors(path: Path, model: str, texts: Sequence[str], rows: Floats) -> None:
    """Write vectors, in half precision as releases keep them; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = np.frombuffer(json.dumps([model, list(texts)]).encode(), np.uint8)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        np.savez(file, rows=rows.astype(np.float16), names=names)
    partial.rename(path)


def load_vectors(path: Path) -> VectorFile:
    """Read vectors. Errors: OSError, ValueError, KeyError for anything that `save_vectors` did not write."""
    with np.load(path) as found:
        model, texts = json.loads(found["names"].tobytes())
        rows = found["rows"].astype(np.float32)
    # Halves are a little off unit length.
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return VectorFile(model, rows, {text: place for place, text in enumerate(texts)})
