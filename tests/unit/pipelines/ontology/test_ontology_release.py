"""Releases: every text encoded once, resumable, immutable, and searched rightly by both backends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import faiss
import numpy as np
import pytest

from infra.faiss import FaissLists, FaissSearch
from pipelines.ontology.changes import apply_changes
from pipelines.ontology.errors import BadVectors, Damaged, ModelMismatch, OntologyError
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.release import MAX_SEARCHER_ROWS, open_release
from pipelines.ontology.search import ExactSearch, SearcherCache
from pipelines.ontology.store import OntologyStore, Source
from pipelines.ontology.texts import PROBE, value_text
from pipelines.ontology.vectors import MAX_SEGMENTS, VectorStore
from tests.unit.pipelines.ontology.builders import (
    DIMENSIONS,
    KEYS,
    HashEncoder,
    small,
    vector_of,
    write_interchange,
    write_lines,
)

SOURCE = Source("test")
BACKENDS = (ExactSearch(), FaissSearch())


@pytest.fixture
def store(tmp_path):
    made = OntologyStore(tmp_path / "w", "drinks")
    made.commit(small(tmp_path / "in"), SOURCE, 1)
    return made


def release(store, encoder, version=None, out=None, backend=None, progress=None):
    found = store.find(version).version
    out = out or release_folder(store, found, "hash")
    extra = {"progress": progress} if progress else {}
    return asyncio.run(make_release(store, found, encoder, "hash", out, backend=backend, **extra))


def wide(tmp_path: Path, count: int) -> OntologyStore:
    values = [
        {"category_id": "tea", "key_id": "form", "value_id": f"v{n}", "text": f"text {n}"}
        for n in range(count)
    ]
    store = OntologyStore(tmp_path / "w", "wide")
    store.commit(load_interchange(write_interchange(tmp_path / "wide", values=values)), SOURCE, 1)
    return store


def set_id(found, category_id="tea"):
    return found.snapshot.keys[category_id][0].value_set_id


def test_each_distinct_text_is_encoded_once(store):
    encoder = HashEncoder()
    release(store, encoder)
    assert sorted(encoder.asked) == sorted(
        [PROBE, "Brand: Lipton", "Form: loose leaf", "Form: bag", "Brand", "Form", "Net weight",
         "Drinks", "Drinks > Tea", "Drinks > Coffee"]
    )  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS, ids=("exact", "faiss"))
def test_a_text_finds_itself_and_what_is_missing_is_marked(store, backend):
    found = release(store, HashEncoder(), backend=backend)
    queries = np.stack([vector_of("Form: bag"), vector_of("Form: loose leaf")])
    scores, positions = found.search(set_id(found), queries, 3)
    assert positions.tolist() == [[1, 0, -1], [0, 1, -1]]
    assert scores[:, 0] == pytest.approx([1, 1], abs=1e-3)
    assert scores[:, 2].tolist() == [-1, -1]
    assert (scores.dtype, positions.dtype) == (np.float32, np.int64)
    values = found.value_vectors(set_id(found))
    assert values == pytest.approx(queries[::-1], abs=1e-3)
    assert (values.dtype, found.value_vectors("").shape) == (np.float32, (0, DIMENSIONS))


@pytest.mark.parametrize("backend", BACKENDS, ids=("exact", "faiss"))
def test_categories_and_keys_are_found(store, backend):
    found = release(store, HashEncoder(), backend=backend)
    scores, ids = found.search_categories(np.stack([vector_of("Drinks > Tea")]), 2)
    assert (ids[0][0], len(ids[0]), scores.shape) == ("tea", 2, (1, 2))
    scores, ids = found.search_keys("tea", np.stack([vector_of("Net weight")]), 5)
    assert (ids, scores[0, 2:].tolist()) == ([["net_weight", "form"]], [-1, -1, -1])
    assert scores[0, 0] == pytest.approx(1, abs=1e-3)
    with pytest.raises(KeyError):
        found.search_keys("nowhere", np.zeros((1, DIMENSIONS), np.float32), 1)


def test_searching_nothing_gives_nothing(store):
    found = release(store, HashEncoder())
    none = np.zeros((0, DIMENSIONS), np.float32)
    assert found.search(set_id(found), none, 4)[0].shape == (0, 4)
    scores, positions = found.search("", np.zeros((2, DIMENSIONS), np.float32), 2)
    assert (scores.tolist(), positions.tolist()) == ([[-1, -1]] * 2, [[-1, -1]] * 2)
    with pytest.raises(KeyError):
        found.search("vs-unknown", none, 1)
    with pytest.raises(ValueError, match="at least 1"):
        found.search(set_id(found), none, 0)


def test_both_backends_find_the_same(tmp_path):
    store = wide(tmp_path, 500)
    found = [release(store, HashEncoder(), backend=backend) for backend in BACKENDS]
    queries = np.stack([vector_of(f"query {n}") for n in range(50)])
    (exact, exact_at), (faiss, faiss_at) = (one.search(set_id(one), queries, 10) for one in found)
    assert (exact_at == faiss_at).all()
    assert faiss == pytest.approx(exact, abs=1e-5)


def test_half_precision_keeps_the_ten_nearest(tmp_path):
    store = wide(tmp_path, 2_000)
    found = release(store, HashEncoder())
    whole = np.stack([vector_of(value_text("Form", f"text {n}")) for n in range(2_000)])
    queries = np.stack([vector_of(f"query {n}") for n in range(100)])
    truth = np.argsort(-(queries @ whole.T), axis=1)[:, :10]
    _, positions = found.search(set_id(found), queries, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, positions, strict=True)])
    assert recall >= 0.99


def test_a_large_set_gets_an_approximate_index_that_is_built_once(tmp_path):
    store = wide(tmp_path, 3_000)
    backend = FaissSearch(FaissLists(above=1_000))
    found = release(store, HashEncoder(), backend=backend)
    assert list(found.manifest.indexes) == [set_id(found)]
    queries = np.stack([vector_of(f"query {n}") for n in range(200)])
    _, near = found.search(set_id(found), queries, 10)
    _, true = open_release(found.folder).search(set_id(found), queries, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(near, true, strict=True)])
    assert recall >= 0.97
    built = list((tmp_path / "w" / "vectors").rglob("index-*.bin"))
    before = [path.stat().st_mtime_ns for path in built]
    tea = write_lines(
        tmp_path / "c.jsonl", [{"op": "upsert", "kind": "category", "category_id": "tea", "name": "T"}]
    )
    store.change(lambda base: apply_changes(tea, base), SOURCE, 2)
    again = release(store, HashEncoder(), backend=backend)
    assert again.manifest.indexes == found.manifest.indexes
    assert [path.stat().st_mtime_ns for path in built] == before
    assert len(built) == 1


def test_equal_rows_do_not_make_an_index_read_all(tmp_path):
    rows = np.repeat(np.stack([vector_of(f"row {n}") for n in range(400)]), 10, axis=0)
    FaissLists(above=1_000).build(rows, tmp_path / "index")
    found = faiss.read_index(str(tmp_path / "index"))
    lists = faiss.extract_index_ivf(found)
    assert found.k_factor < 96 or lists.nprobe < lists.nlist
    with pytest.raises(ValueError, match="16 rows"):
        FaissLists(above=10)


def test_an_index_of_a_release_made_before_is_searched_as_widely_as_then(tmp_path):
    rows = np.stack([vector_of(f"row {n}") for n in range(2_000)])
    graph = faiss.IndexHNSWFlat(rows.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    graph.add(rows)
    faiss.write_index(graph, str(tmp_path / "index"))
    queries = np.stack([vector_of(f"query {n}") for n in range(100)])
    _, near = FaissLists().load(tmp_path / "index").search(queries, 10)
    true = np.argsort(-(queries @ rows.T), axis=1)[:, :10]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(near, true, strict=True)]) >= 0.97


def test_a_change_encodes_only_its_new_texts(store, tmp_path):
    first = release(store, HashEncoder())
    rows = [
        {
            "op": "upsert",
            "kind": "value",
            "category_id": "*",
            "key_id": "form",
            "value_id": "f3",
            "text": "powder",
        },
        {"op": "retire", "kind": "value", "category_id": "tea", "key_id": "form", "value_id": "f1"},
    ]
    store.change(lambda base: apply_changes(write_lines(tmp_path / "c.jsonl", rows), base), SOURCE, 2)
    encoder = HashEncoder()
    second = release(store, encoder)
    assert encoder.asked == [PROBE, "Form: powder"]
    query = np.stack([vector_of("Form: powder")])
    assert second.search(set_id(second), query, 1)[1].tolist() == [[1]]
    assert [value.text for value in second.snapshot.values_of(second.snapshot.keys["tea"][0])] == [
        "bag",
        "powder",
    ]
    assert open_release(first.folder).search(set_id(first), query, 1)[0][0, 0] < 0.9
    assert (first.version, second.version) == tuple(one.version for one in store.versions())


def test_the_same_release_again_asks_the_encoder_nothing(store):
    first = release(store, HashEncoder())
    before = {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")}
    encoder = HashEncoder()
    assert release(store, encoder).manifest == first.manifest
    assert encoder.asked == []
    assert {path: path.stat().st_mtime_ns for path in first.folder.rglob("*")} == before


def test_a_dead_encoder_leaves_no_release_and_loses_no_whole_segment(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.ontology.make_release.SEGMENT_TEXTS", 100)
    monkeypatch.setattr("pipelines.ontology.make_release.ENCODE_TEXTS", 50)
    store = wide(tmp_path, 1_000)
    out = release_folder(store, store.find().version, "hash")
    with pytest.raises(ConnectionError):
        release(store, HashEncoder(stop_after=480))
    assert not out.exists()
    encoder, told = HashEncoder(), []
    found = release(store, encoder, progress=lambda *report: told.append(report))
    total = 1_000 + 3 + 3
    assert len(encoder.asked) == 1 + total - 400
    assert told[0] == ("encode", 400, total)
    assert told[-1] == ("encode", total, total)
    clean = release(store, HashEncoder(), out=tmp_path / "clean")
    assert (found.value_vectors(set_id(found)) == clean.value_vectors(set_id(clean))).all()


SLOW = """
import asyncio, sys, time
from pathlib import Path
import pipelines.ontology.make_release as making
from pipelines.ontology.store import OntologyStore
from tests.unit.pipelines.ontology.builders import HashEncoder
making.SEGMENT_TEXTS = making.ENCODE_TEXTS = 40
store, out = OntologyStore(Path(sys.argv[1]), "wide"), Path(sys.argv[2])
encoder = HashEncoder(wait=lambda: time.sleep(0.02))
progress = lambda stage, done, total: print(stage, done, total, flush=True)
asyncio.run(making.make_release(store, None, encoder, "hash", out, progress))
"""


def test_a_killed_release_goes_on_where_it_stopped(tmp_path):
    store, out = wide(tmp_path, 1_000), tmp_path / "out"
    command = [sys.executable, "-c", SLOW, str(tmp_path / "w"), str(out)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}, text=True
    )
    done = 0
    while done < 400:
        done = int(process.stdout.readline().split()[1])
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    assert not out.exists()
    encoder = HashEncoder()
    found = release(store, encoder, out=out)
    # The last segment may have been whole or not when the kill came; all before it are kept.
    assert len(encoder.asked) <= 1 + 1_006 - done + 40
    query = np.stack([vector_of(value_text("Form", "text 3"))])
    assert found.search(set_id(found), query, 1)[1].tolist() == [[3]]


def test_another_model_under_the_same_name_is_refused(store, tmp_path):
    release(store, HashEncoder())
    for encoder in (HashEncoder(seed=1), _wider):
        with pytest.raises(ModelMismatch, match="start the"):
            release(store, encoder, out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


async def _wider(texts):
    return np.stack([np.append(vector_of(text), np.float32(0)) for text in texts])


def test_a_release_tells_whether_an_encoder_is_its_own(store):
    found = release(store, HashEncoder())
    found.check_encoder("hash")
    found.check_encoder("hash", vector_of(found.probe_text))
    with pytest.raises(ModelMismatch, match="aiic ontology release"):
        found.check_encoder("other")
    with pytest.raises(ModelMismatch, match="encodes otherwise"):
        found.check_encoder("hash", vector_of(found.probe_text, seed=1))
    with pytest.raises(ModelMismatch, match="32 numbers"):
        found.search(set_id(found), np.zeros((1, DIMENSIONS + 1), np.float32), 1)


@pytest.mark.parametrize("bad", ["short", "long", "nan", "flat"])
def test_bad_vectors_are_refused(store, tmp_path, bad):
    async def encode(texts):
        rows = np.stack([vector_of(text) for text in texts])
        changed = {"short": rows[:-1], "long": rows * 2, "nan": rows * np.float32("nan"), "flat": rows[0]}
        return changed[bad]

    with pytest.raises(BadVectors):
        release(store, encode, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_release_never_overwrites_anything(store, tmp_path):
    first = release(store, HashEncoder(), out=tmp_path / "out")
    rows = [{"op": "retire", "kind": "category", "category_id": "coffee"}]
    store.change(lambda base: apply_changes(write_lines(tmp_path / "c.jsonl", rows), base), SOURCE, 2)
    with pytest.raises(OntologyError, match="never changes"):
        release(store, HashEncoder(), out=tmp_path / "out")
    with pytest.raises(OntologyError, match="not empty"):
        release(store, HashEncoder(), out=tmp_path)
    assert open_release(tmp_path / "out").manifest == first.manifest


def test_a_torn_or_absent_release_is_told(store, tmp_path):
    found = release(store, HashEncoder(), out=tmp_path / "out")
    copy = tmp_path / "copy"
    shutil.copytree(found.folder, copy)
    assert open_release(copy).search_categories(np.stack([vector_of("Drinks")]), 1)[1] == [["drinks"]]
    with (copy / "values.npy").open("ab") as file:
        file.truncate(200)
    with pytest.raises(Damaged, match=r"values\.npy"):
        open_release(copy)
    with pytest.raises(Damaged, match="aiic ontology release"):
        open_release(tmp_path / "nowhere")


def test_keys_without_values_and_categories_without_keys_can_be_released(tmp_path):
    store = OntologyStore(tmp_path / "w", "bare")
    store.commit(load_interchange(write_interchange(tmp_path / "in", keys=KEYS, values=[])), SOURCE, 1)
    found = release(store, HashEncoder())
    assert found.search("", np.stack([vector_of("x")]), 1)[1].tolist() == [[-1]]
    store.commit(load_interchange(write_interchange(tmp_path / "in", keys=[], values=[])), SOURCE, 2)
    found = release(store, HashEncoder())
    assert found.search_keys("tea", np.stack([vector_of("x")]), 2)[1] == [[]]


def test_searchers_held_are_bounded():
    cache, made = SearcherCache(max_rows=100), []

    def get(name, rows):
        return cache.get(name, rows, lambda: made.append(name) or ExactSearch().exact(np.zeros((rows, 2))))

    for name in ("a", "b", "a", "c", "a", "b"):
        get(name, 40)
    assert made == ["a", "b", "c", "b"]
    assert cache.rows == 80
    get("large", 1_000)
    assert cache.rows == 1_000
    assert MAX_SEARCHER_ROWS > 0


def test_many_segments_become_one(tmp_path):
    texts = [f"t{n}" for n in range(MAX_SEGMENTS + 5)]
    vectors = VectorStore(tmp_path).open()
    for text in texts:
        vectors.add([text], vector_of(text)[None])
    again = VectorStore(tmp_path).open()
    assert len(list(tmp_path.glob("seg-*.npy"))) == 1
    assert again.missing([*texts, "new", "new"]) == ["new"]
    assert again.gather(texts[::-1]) == pytest.approx(np.stack([vector_of(t) for t in texts[::-1]]), abs=1e-3)
    (tmp_path / "seg-0.npy").write_bytes(b"\x93NUMPY and no more")
    with pytest.raises(Damaged, match="remove it"):
        VectorStore(tmp_path).open()


def test_opening_reads_no_vectors(tmp_path):
    found = release(wide(tmp_path, 50), HashEncoder())
    opened = open_release(found.folder)
    assert opened._arrays == {}
    opened.search(set_id(opened), np.stack([vector_of("x")]), 1)
    assert list(opened._arrays) == ["values"]
    assert isinstance(opened._arrays["values"], np.memmap)
