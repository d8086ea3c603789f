"""Encoded texts on disk, by the digest of the text: each text is encoded once per encoder, in any release."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipelines.ontology.errors import BadVectors, Damaged, ModelMismatch
from pipelines.ontology.files import remove_partial, write_file
from pipelines.ontology.identity import digest

KEY_BYTES = 16
MAX_SEGMENTS = 64
UNIT_TOLERANCE = 0.02
Halves = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]


def vector_folder(warehouse: Path, encoder_id: str) -> Path:
    """Where the vectors of one encoder lie."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", encoder_id).strip("-")[:60]
    return warehouse / "vectors" / f"{words}-{digest(encoder_id, 4)}"


def text_key(text: str) -> bytes:
    """The name of a text in the store."""
    return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).digest()


def checked(vectors: Floats, count: int, dimensions: int | None) -> Floats:
    """The vectors, if they are one unit row of the right size per text.

    Errors: BadVectors; ModelMismatch when another size was stored before.
    """
    if vectors.ndim != 2 or vectors.shape[0] != count or vectors.shape[1] == 0:
        raise BadVectors(f"the encoder returned shape {vectors.shape} for {count} texts: check its server")
    if dimensions is not None and vectors.shape[1] != dimensions:
        raise ModelMismatch(
            f"the encoder makes {vectors.shape[1]} numbers a text, the stored vectors have {dimensions}: "
            "start the encoder that they were made with, or release under another encoder id"
        )
    lengths = np.linalg.norm(vectors.astype(np.float32), axis=1)
    if not np.all(np.abs(lengths - 1) < UNIT_TOLERANCE):
        raise BadVectors(
            "the encoder returned vectors that are not of unit length: switch its normalisation on"
        )
    return vectors


@dataclass(slots=True)
class VectorStore:
    """Segments of (text digest, vector) of one encoder. One writer at a time, under the folder's lock."""

    folder: Path
    _segments: list[npt.NDArray[np.void]] = field(default_factory=list)
    _rows: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def open(self) -> VectorStore:
        """Read which texts are there; vectors stay on disk. Errors: Damaged."""
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_partial(self.folder)
        for path in sorted(self.folder.glob("seg-*.npy")):
            self._attach(path)
        if len(self._segments) > MAX_SEGMENTS:
            self._compact()
        return self

    @property
    def dimensions(self) -> int | None:
        """Numbers in a vector; None while there is none."""
        return int(self._segments[0].dtype["vector"].shape[0]) if self._segments else None

    def __len__(self) -> int:
        return len(self._rows)

    def missing(self, texts: Iterable[str]) -> list[str]:
        """The texts that have no vector, each once, in order."""
        return [text for text in dict.fromkeys(texts) if text_key(text) not in self._rows]

    def add(self, texts: Sequence[str], vectors: Floats) -> None:
        """Store vectors of texts as one file, whole or not at all. Errors: BadVectors, ModelMismatch."""
        rows = checked(vectors, len(texts), self.dimensions)
        self._write([text_key(text) for text in texts], rows.astype(np.float16))

    def gather(self, texts: Sequence[str]) -> Halves:
        """The vectors of these texts, in order. Errors: KeyError for a text that is missing."""
        found = np.zeros((len(texts), self.dimensions or 0), np.float16)
        places = np.array([self._rows[text_key(text)] for text in texts], np.int64).reshape(-1, 2)
        for number, segment in enumerate(self._segments):
            mine = np.flatnonzero(places[:, 0] == number)
            if mine.size:
                found[mine] = segment["vector"][places[mine, 1]]
        return found

    def _write(self, keys: Sequence[bytes], vectors: Halves) -> Path:
        kind = np.dtype([("key", f"V{KEY_BYTES}"), ("vector", "<f2", (vectors.shape[1],))])
        rows = np.zeros(len(keys), kind)
        rows["key"] = np.frombuffer(b"".join(keys), f"V{KEY_BYTES}")
        rows["vector"] = vectors
        name = hashlib.blake2b(rows.tobytes(), digest_size=12).hexdigest()
        path = self.folder / f"seg-{name}.npy"
        write_file(path, lambda file: _save(file, rows))
        self._attach(path)
        return path

    def _attach(self, path: Path) -> None:
        try:
            rows = np.load(path, mmap_mode="r")
            keys = np.ascontiguousarray(rows["key"]).tobytes()
        except (OSError, ValueError, IndexError) as error:
            raise Damaged(
                f"{path} is damaged: remove it, its texts will be encoded again: {error}"
            ) from error
        number = len(self._segments)
        self._segments.append(rows)
        for row in range(len(rows)):
            self._rows[keys[row * KEY_BYTES : (row + 1) * KEY_BYTES]] = (number, row)

    def _compact(self) -> None:
        """Put all segments into one: many small files make opening slow."""
        old = list(self.folder.glob("seg-*.npy"))
        keys = list(self._rows)
        places = np.array([self._rows[key] for key in keys], np.int64)
        vectors = np.zeros((len(keys), self.dimensions or 0), np.float16)
        for number, segment in enumerate(self._segments):
            mine = np.flatnonzero(places[:, 0] == number)
            vectors[mine] = segment["vector"][places[mine, 1]]
        self._segments, self._rows = [], {}
        kept = self._write(keys, vectors)
        for path in old:
            if path != kept:
                path.unlink()


def _save(path: Path, rows: npt.NDArray[np.void]) -> None:
    with path.open("wb") as file:
        np.save(file, rows)
