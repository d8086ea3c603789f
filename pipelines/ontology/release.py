"""A release: one ontology version made searchable, immutable and on its own (paper section 4.1; L1, O8)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.ontology.errors import Damaged, ModelMismatch
from pipelines.ontology.parts import PartList, Parts
from pipelines.ontology.search import (
    ExactSearch,
    Floats,
    Positions,
    SearchBackend,
    Searcher,
    SearcherCache,
    padded,
)
from pipelines.ontology.snapshot import Snapshot
from pipelines.ontology.texts import PROBE

FORMAT = 1
MANIFEST = "release.json"
MAX_SEARCHER_ROWS = 100_000
SAME_MODEL_COSINE = 0.98


@dataclass(frozen=True, slots=True)
class ReleaseManifest:
    """What a release holds. `files` are the sizes in bytes, so that a torn copy is noticed."""

    ontology: str
    version: str
    encoder: str
    dimensions: int
    text_form: int
    probe: Sequence[float]
    counts: Mapping[str, int]
    parts: PartList
    key_names: Sequence[str]
    indexes: Mapping[str, str]
    files: Mapping[str, int]


class Release:
    """Searches one released version. Queries are unit float32 rows of the release's encoder."""

    def __init__(
        self, folder: Path, manifest: ReleaseManifest, snapshot: Snapshot, backend: SearchBackend
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.snapshot = snapshot
        self._backend = backend
        self._cache = SearcherCache(MAX_SEARCHER_ROWS)
        self._category_ids = list(snapshot.categories)
        self._key_rows = {name: row for row, name in enumerate(manifest.key_names)}
        self._spans = _spans(snapshot)
        self._arrays: dict[str, npt.NDArray[np.float16]] = {}

    @property
    def version(self) -> str:
        """The ontology version."""
        return self.manifest.version

    @property
    def encoder(self) -> str:
        """Id of the model that the vectors were made with."""
        return self.manifest.encoder

    @property
    def probe_text(self) -> str:
        """The text whose vector tells one encoder from another."""
        return PROBE

    def check_encoder(self, model_id: str, probe: Floats | None = None) -> None:
        """Make sure that an encoder is the one of this release; `probe` is its vector of `probe_text`.

        Errors: ModelMismatch, saying what to do.
        """
        if model_id != self.encoder:
            raise ModelMismatch(
                f"release {self.folder} was made with encoder {self.encoder!r}, the server has {model_id!r}: "
                f"start {self.encoder!r}, or make a release for {model_id!r} with `aiic ontology release`"
            )
        if probe is not None and not same_model(np.asarray(self.manifest.probe, np.float32), probe):
            raise ModelMismatch(
                f"the encoder calls itself {model_id!r}, but encodes otherwise than when release {self.folder} was made: "
                "give it a name of its own and make a release for it with `aiic ontology release`"
            )

    def search(self, value_set_id: str, queries: Floats, k: int) -> tuple[Floats, Positions]:
        """The k values of a set nearest to each query, best first, as positions in `ValueSet.values`.

        Shapes: queries (n, d); cosines float32 (n, k), positions int64 (n, k); -1 where there are fewer.
        Errors: KeyError for an unknown set; ModelMismatch for queries of another size.
        """
        rows = self._check_queries(queries, k)
        start, end = self._span(value_set_id)
        if start == end:
            return padded(np.zeros((len(rows), 0)), np.zeros((len(rows), 0), np.int64), k)
        searcher = self._cache.get(value_set_id, end - start, lambda: self._value_searcher(value_set_id))
        return searcher.search(rows, k)

    def value_vectors(self, value_set_id: str) -> Floats:
        """The vectors of a set's values, in order. Shapes: float32 (values, d). Errors: KeyError."""
        start, end = self._span(value_set_id)
        return np.asarray(self._array("values")[start:end], np.float32)

    def search_categories(self, queries: Floats, k: int) -> tuple[Floats, list[list[str]]]:
        """The k categories nearest to each query, best first.

        Shapes: queries (n, d); cosines float32 (n, k), -1 where there are fewer; n lists of at most k ids.
        """
        rows = self._check_queries(queries, k)
        count = len(self._category_ids)
        searcher = self._cache.get("categories", count, lambda: self._exact("categories", slice(None)))
        scores, positions = searcher.search(rows, k)
        return scores, _named(positions, self._category_ids)

    def search_keys(self, category_id: str, queries: Floats, k: int) -> tuple[Floats, list[list[str]]]:
        """The k of a category's keys (`keys_of`) whose names are nearest to each query, best first.

        Shapes: as `search_categories`. Errors: KeyError for an unknown category.
        """
        rows = self._check_queries(queries, k)
        links = self.snapshot.keys_of(category_id)
        if not links:
            return padded(np.zeros((len(rows), 0)), np.zeros((len(rows), 0), np.int64), k)[0], [
                [] for _ in rows
            ]
        wanted = [self._key_rows[link.key.name] for link in links]
        searcher = self._cache.get(f"keys {category_id}", len(wanted), lambda: self._exact("keys", wanted))
        scores, positions = searcher.search(rows, k)
        return scores, _named(positions, [link.key.key_id for link in links])

    def _value_searcher(self, value_set_id: str) -> Searcher:
        index, indexes = self.manifest.indexes.get(value_set_id), self._backend.approximate
        if index is not None and indexes is not None:
            return indexes.load(self.folder / index)
        return self._backend.exact(self.value_vectors(value_set_id))

    def _exact(self, array: str, rows: Any) -> Searcher:
        return self._backend.exact(np.asarray(self._array(array)[rows], np.float32))

    def _array(self, name: str) -> npt.NDArray[np.float16]:
        if name not in self._arrays:
            path = self.folder / f"{name}.npy"
            try:
                self._arrays[name] = np.load(path, mmap_mode="r")
            except (OSError, ValueError) as error:
                raise Damaged(f"{path} is missing or damaged: make the release again: {error}") from error
        return self._arrays[name]

    def _span(self, value_set_id: str) -> tuple[int, int]:
        return (0, 0) if value_set_id == "" else self._spans[value_set_id]

    def _check_queries(self, queries: Floats, k: int) -> Floats:
        if k < 1:
            raise ValueError(f"k is {k}, at least 1 is needed")
        rows = np.asarray(queries, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.manifest.dimensions:
            raise ModelMismatch(
                f"queries of shape {rows.shape} cannot search vectors of {self.manifest.dimensions} numbers: "
                f"encode them with {self.encoder!r}"
            )
        return rows


def open_release(folder: Path | str, backend: SearchBackend | None = None) -> Release:
    """Open a release; vectors stay on disk until they are searched.

    `backend` is `infra.faiss.FaissSearch()` in jobs; without one the search is exact and needs no engine.
    Errors: Damaged when it is missing or torn.
    """
    path = Path(folder)
    manifest = read_manifest(path)
    snapshot = Parts(path / "parts").read(manifest.version, manifest.parts)
    return Release(path, manifest, snapshot, backend or ExactSearch())


def read_manifest(folder: Path) -> ReleaseManifest:
    """The manifest of a release whose files all have the size that it says. Errors: Damaged."""
    path = folder / MANIFEST
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if found.pop("format") != FORMAT:
            raise Damaged(
                f"{folder} was made by another release of this program: make it again with `aiic ontology release`"
            )
        manifest = ReleaseManifest(**(found | {"parts": PartList(**found["parts"])}))
        torn = [name for name, size in manifest.files.items() if (folder / name).stat().st_size != size]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(
            f"{folder} is no whole release: make it with `aiic ontology release`: {error!r}"
        ) from error
    if torn:
        raise Damaged(
            f"{folder}: {torn[0]} does not have the size it was made with: copy or make the release again"
        )
    return manifest


def write_manifest(folder: Path, manifest: ReleaseManifest) -> None:
    """Write the manifest of a release that is being made."""
    text = json.dumps({"format": FORMAT} | asdict(manifest), ensure_ascii=False, indent=1)
    (folder / MANIFEST).write_text(text + "\n", "utf-8")


def same_model(before: Floats, now: Floats) -> bool:
    """Whether two unit vectors of one text came from one model; precision and batching may differ."""
    return before.shape == now.shape and float(before @ now) >= SAME_MODEL_COSINE


def _spans(snapshot: Snapshot) -> dict[str, tuple[int, int]]:
    """Rows of each value set in `values.npy`: the sets one after another, in the snapshot's order."""
    sizes = [len(found.values) for found in snapshot.value_sets.values()]
    ends = list(accumulate(sizes))
    return {
        found: (end - size, end) for found, size, end in zip(snapshot.value_sets, sizes, ends, strict=True)
    }


def _named(positions: Positions, names: Sequence[str]) -> list[list[str]]:
    return [[names[position] for position in row if position >= 0] for row in positions]
