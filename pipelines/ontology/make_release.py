"""Makes releases: encodes only texts that no earlier one encoded, and goes on where a killed run stopped."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipelines.ontology.active import active
from pipelines.ontology.errors import ModelMismatch, OntologyError
from pipelines.ontology.files import locked, new_folder, write_file
from pipelines.ontology.identity import digest
from pipelines.ontology.parts import Parts
from pipelines.ontology.release import (
    MANIFEST,
    Release,
    ReleaseManifest,
    open_release,
    read_manifest,
    same_model,
    write_manifest,
)
from pipelines.ontology.search import ApproximateIndexes, ExactSearch, SearchBackend
from pipelines.ontology.snapshot import Snapshot, ValueSet
from pipelines.ontology.source_rows import Progress, no_progress
from pipelines.ontology.store import OntologyStore
from pipelines.ontology.texts import PROBE, TEXT_FORM, category_text, value_text
from pipelines.ontology.vectors import VectorStore, checked, vector_folder

Encode = Callable[[Sequence[str]], Awaitable[npt.NDArray[np.float32]]]
ENCODE_TEXTS = 512
SEGMENT_TEXTS = 2_048
LOCK_TIMEOUT_S = 3_600.0


@dataclass(frozen=True, slots=True)
class _Texts:
    """What a snapshot has to be encoded, in the order of the release's arrays."""

    values: list[str]
    categories: list[str]
    keys: list[str]

    def all(self) -> list[str]:
        return [*self.values, *self.keys, *self.categories]


def release_folder(store: OntologyStore, version: str, encoder_id: str) -> Path:
    """Where the release of a version for an encoder lies by default."""
    encoder = vector_folder(store.warehouse, encoder_id).name
    return store.folder / "releases" / f"{version}--{encoder}-t{TEXT_FORM}"


async def make_release(
    store: OntologyStore,
    version: str | None,
    encode: Encode,
    encoder_id: str,
    out_dir: Path,
    progress: Progress = no_progress,
    backend: SearchBackend | None = None,
) -> Release:
    """Make the release of a version, or return it when it is there already.

    `encode` gives unit float32 rows. `progress` is told a stage, what is done of it, and how much it is.
    Errors: ModelMismatch when this encoder id stands for another model than before; BadVectors; OntologyBusy;
    what `encode` raises. Texts encoded until then are kept, and a second call goes on from there.
    """
    search = backend or ExactSearch()
    found = store.find(version)
    vectors_at = vector_folder(store.warehouse, encoder_id)
    with locked(vectors_at / "lock", LOCK_TIMEOUT_S):
        if _is_made(out_dir, found.version, encoder_id):
            return open_release(out_dir, search)
        snapshot = active(store.read(found.version))
        vectors = VectorStore(vectors_at / "texts").open()
        await _check_model(vectors, encode, encoder_id)
        await _encode_missing(vectors, _texts_of(snapshot).all(), encode, progress)
        indexes = _Indexes(vectors_at / "indexes", search)
        return _write(out_dir, store.name, snapshot, vectors, encoder_id, indexes, progress)


def _is_made(out_dir: Path, version: str, encoder_id: str) -> bool:
    if not (out_dir / MANIFEST).is_file():
        if out_dir.is_dir() and any(out_dir.iterdir()):
            raise OntologyError(f"{out_dir} is not empty and holds no release: name another folder")
        return False
    made = read_manifest(out_dir)
    if (made.version, made.encoder, made.text_form) != (version, encoder_id, TEXT_FORM):
        raise OntologyError(
            f"{out_dir} holds the release of {made.version} for {made.encoder!r}; a release never changes: "
            "name another folder"
        )
    return True


def _texts_of(snapshot: Snapshot) -> _Texts:
    return _Texts(
        values=[
            value_text(found.context, value.text)
            for found in snapshot.value_sets.values()
            for value in found.values
        ],
        categories=[category_text(snapshot, found) for found in snapshot.categories],
        keys=sorted({link.key.name for link in (*snapshot.links(), *snapshot.spare_keys)}),
    )


@dataclass(frozen=True, slots=True)
class _Indexes:
    """Approximate indexes of large sets, each built once per encoder: a set's id tells its content."""

    folder: Path
    search: SearchBackend

    def write(
        self, into: Path, snapshot: Snapshot, vectors: VectorStore, progress: Progress
    ) -> dict[str, str]:
        """Put the index of each large set into a release; return their file names by set."""
        indexes = self.search.approximate
        if indexes is None:
            return {}
        large = [found for found in snapshot.value_sets.values() if len(found.values) > indexes.above]
        for done, found in enumerate(large):
            progress("index", done, len(large))
            shutil.copyfile(self._built(found, vectors, indexes), into / _index_name(found))
        if large:
            progress("index", len(large), len(large))
        return {found.value_set_id: _index_name(found) for found in large}

    def _built(self, found: ValueSet, vectors: VectorStore, indexes: ApproximateIndexes) -> Path:
        path = self.folder / digest(repr(indexes)) / _index_name(found)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = vectors.gather([value_text(found.context, value.text) for value in found.values])
            write_file(path, lambda file: indexes.build(rows.astype(np.float32), file))
        return path


def _index_name(found: ValueSet) -> str:
    return f"index-{found.value_set_id}.bin"


async def _check_model(vectors: VectorStore, encode: Encode, encoder_id: str) -> None:
    """The probe's vector must be what it was: a server may hold another model under the old name."""
    now = checked(await encode([PROBE]), 1, vectors.dimensions)
    if vectors.missing([PROBE]):
        vectors.add([PROBE], now)
    elif not same_model(vectors.gather([PROBE])[0].astype(np.float32), now[0]):
        raise ModelMismatch(
            f"the encoder calls itself {encoder_id!r}, but encodes otherwise than the vectors in {vectors.folder}: "
            "start the model they were made with, or give this one an id of its own (--encoder-id)"
        )


async def _encode_missing(
    vectors: VectorStore, texts: Sequence[str], encode: Encode, progress: Progress
) -> None:
    distinct = len(dict.fromkeys(texts))
    missing = vectors.missing(texts)
    done = distinct - len(missing)
    progress("encode", done, distinct)
    for start in range(0, len(missing), SEGMENT_TEXTS):
        segment = missing[start : start + SEGMENT_TEXTS]
        rows = []
        for first in range(0, len(segment), ENCODE_TEXTS):
            chunk = segment[first : first + ENCODE_TEXTS]
            rows.append(checked(await encode(chunk), len(chunk), vectors.dimensions))
            done += len(chunk)
            progress("encode", done, distinct)
        vectors.add(segment, np.concatenate(rows))


def _write(
    out_dir: Path,
    ontology: str,
    snapshot: Snapshot,
    vectors: VectorStore,
    encoder_id: str,
    indexes: _Indexes,
    progress: Progress,
) -> Release:
    with new_folder(out_dir) as folder:
        stored = Parts(folder / "parts")
        parts = stored.write(snapshot)
        # The arrays follow the order in which `open_release` will read the snapshot.
        read_back = stored.read(snapshot.version, parts)
        ordered = _texts_of(read_back)
        for name, wanted in (
            ("values", ordered.values),
            ("categories", ordered.categories),
            ("keys", ordered.keys),
        ):
            np.save(folder / f"{name}.npy", vectors.gather(wanted))
        written = indexes.write(folder, read_back, vectors, progress)
        sizes = {
            str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()
        }
        manifest = ReleaseManifest(
            ontology=ontology,
            version=snapshot.version,
            encoder=encoder_id,
            dimensions=vectors.dimensions or 0,
            text_form=TEXT_FORM,
            probe=[float(number) for number in vectors.gather([PROBE])[0]],
            counts=asdict(read_back.counts()),
            parts=parts,
            key_names=ordered.keys,
            indexes=written,
            files=dict(sorted(sizes.items())),
        )
        write_manifest(folder, manifest)
    return Release(out_dir, manifest, read_back, indexes.search)
