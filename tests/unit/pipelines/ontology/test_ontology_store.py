"""Versions: immutable, shared, idempotent, and never half there, even after kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ontology.errors import Damaged, OntologyBusy, OntologyError, UnknownVersion
from pipelines.ontology.files import PARTIAL, locked
from pipelines.ontology.identity import Identities
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.snapshot import ANY_CATEGORY, CategoryKey, Snapshot, Value
from pipelines.ontology.store import OntologyStore, Source
from schemas.ontology import AttributeKey, Category, Normalization, ScenarioTag
from tests.unit.pipelines.ontology.builders import CATEGORIES, small, unversioned, write_interchange

SOURCE = Source("test", {"categories.jsonl": "0" * 64})


def renamed(snapshot: Snapshot, category_id: str, name: str) -> Snapshot:
    changed = replace(snapshot.categories[category_id], name=name)
    return replace(snapshot, categories={**snapshot.categories, category_id: changed})


def files_of(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


def test_what_is_committed_is_read_again(tmp_path):
    store, snapshot = OntologyStore(tmp_path / "w", "drinks"), small(tmp_path / "in")
    made = store.commit(snapshot, SOURCE, 1_790_000_000_000)
    assert store.read() == replace(snapshot, version=made.version)
    assert (made.number, made.parent, made.created_ms) == (1, None, 1_790_000_000_000)
    assert made.version == f"v1-{made.digest[:12]}"
    assert store.find().source == SOURCE
    assert made.counts == snapshot.counts()


def test_any_past_version_is_read(tmp_path):
    store, first = OntologyStore(tmp_path / "w", "drinks"), small(tmp_path / "in")
    snapshots = [first, renamed(first, "tea", "Teas"), renamed(first, "coffee", "Coffees"), first]
    made = [store.commit(snapshot, SOURCE, number) for number, snapshot in enumerate(snapshots)]
    assert [one.parent for one in made] == [None, *(one.version for one in made[:-1])]
    assert made[3].digest == made[0].digest
    for one, snapshot in zip(made, snapshots, strict=True):
        for spelling in (one.version, str(one.number), f"v{one.number}"):
            assert unversioned(store.read(spelling)) == snapshot
    assert store.versions() == made == [*made[:3], store.find("latest")]


def test_the_same_content_again_writes_nothing(tmp_path):
    store = OntologyStore(tmp_path / "w", "drinks")
    made = store.commit(small(tmp_path / "in"), SOURCE, 1)
    before = files_of(store.folder)
    shuffled = write_interchange(tmp_path / "shuffled", categories=CATEGORIES[::-1])
    assert store.commit(load_interchange(shuffled), Source("again"), 2) == made
    assert files_of(store.folder) == before


def test_a_small_change_shares_the_other_parts(tmp_path):
    categories = [{"category_id": f"c{n}", "name": f"C {n}", "parent_id": None} for n in range(20_000)]
    snapshot = load_interchange(write_interchange(tmp_path / "in", categories, [], [], None))
    store = OntologyStore(tmp_path / "w", "wide")
    first = store.commit(snapshot, SOURCE, 1)
    second = store.commit(renamed(snapshot, "c77", "other"), SOURCE, 2)
    assert len(first.parts.rows["categories"]) == 8
    assert len(set(first.parts.rows["categories"]) & set(second.parts.rows["categories"])) == 7
    assert unversioned(store.read("1")) == snapshot


def test_unknown_names_and_versions_are_told(tmp_path):
    store = OntologyStore(tmp_path, "drinks")
    with pytest.raises(UnknownVersion, match="import one"):
        store.read()
    store.commit(small(tmp_path / "in"), SOURCE, 1)
    with pytest.raises(UnknownVersion, match="v1-"):
        store.read("7")
    for name in ("../other", "", ".", "a/b", "x" * 200):
        with pytest.raises(OntologyError, match="cannot name"):
            OntologyStore(tmp_path, name)


def test_damaged_files_are_told(tmp_path):
    store = OntologyStore(tmp_path / "w", "drinks")
    made = store.commit(small(tmp_path / "in"), SOURCE, 1)
    part = store.folder / "parts" / f"values-{made.parts.rows['values'][0]}.parquet"
    whole = part.read_bytes()
    for at in range(0, len(whole), 97):
        part.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        with pytest.raises(Damaged, match="not what was written"):
            store.read()
    assert store.commit(small(tmp_path / "in"), SOURCE, 2) == made
    assert part.read_bytes() == whole
    part.unlink()
    with pytest.raises(Damaged, match="missing"):
        store.read()
    (store.folder / "versions" / "000001" / "manifest.json").write_text("{")
    with pytest.raises(Damaged, match="manifest"):
        store.read()


def test_an_edit_that_fails_changes_nothing(tmp_path):
    store = OntologyStore(tmp_path / "w", "drinks")
    store.commit(small(tmp_path / "in"), SOURCE, 1)
    before = files_of(store.folder)

    def fail(_present: Snapshot) -> Snapshot:
        raise OntologyError("no")

    with pytest.raises(OntologyError):
        store.change(fail, SOURCE, 2)
    assert files_of(store.folder) == before


def test_a_second_writer_waits_and_then_gives_up(tmp_path):
    store = OntologyStore(tmp_path / "w", "drinks", lock_timeout_s=0.2)
    with locked(store.folder / "lock", 1), pytest.raises(OntologyBusy):
        store.commit(small(tmp_path / "in"), SOURCE, 1)
    assert store.versions() == []
    assert store.commit(small(tmp_path / "in"), SOURCE, 1).number == 1


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.store import OntologyStore, Source
store, who, count = OntologyStore(Path(sys.argv[1]), "drinks"), sys.argv[3], int(sys.argv[4])
base = load_interchange(Path(sys.argv[2]))
print("ready", flush=True)
for number in range(count):
    tea = replace(base.categories["tea"], name=f"Tea {who} {number}")
    store.commit(replace(base, categories={**base.categories, "tea": tea}), Source("test"), number)
"""


def writer(tmp_path: Path, who: str, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "w"), str(tmp_path / "in"), who, str(count)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )


def test_two_imports_at_once_both_arrive_in_one_line_of_versions(tmp_path):
    write_interchange(tmp_path / "in")
    both = [writer(tmp_path, who, 8) for who in ("a", "b")]
    assert [process.wait(120) for process in both] == [0, 0]
    for process in both:
        process.stdout.close()
    store = OntologyStore(tmp_path / "w", "drinks")
    versions = store.versions()
    assert [one.number for one in versions] == list(range(1, 17))
    assert [one.parent for one in versions[1:]] == [one.version for one in versions[:-1]]
    names = [store.read(one.version).categories["tea"].name for one in versions]
    for who in ("a", "b"):
        assert [name for name in names if f" {who} " in name] == [f"Tea {who} {n}" for n in range(8)]


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_import_leaves_whole_versions_only(tmp_path, seed):
    write_interchange(tmp_path / "in")
    process = writer(tmp_path, "k", 100_000)
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.05 + random.Random(seed).random() / 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    store = OntologyStore(tmp_path / "w", "drinks")
    versions = store.versions()
    assert [one.number for one in versions] == list(range(1, len(versions) + 1))
    for one in versions:
        assert store.read(one.version).categories["tea"].name == f"Tea k {one.number - 1}"
    after = store.commit(small(tmp_path / "in"), SOURCE, 1)
    assert after.number == len(versions) + 1
    assert not list(store.folder.rglob(f"{PARTIAL}*"))


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path):
    many = [
        {"category_id": f"c{n}", "name": f"C {n}", "description": os.urandom(40).hex()} for n in range(3_000)
    ]
    write_interchange(tmp_path / "in", [*CATEGORIES, *many])
    store = OntologyStore(tmp_path / "w", "drinks")
    first = store.commit(small(tmp_path / "small"), SOURCE, 1)
    # A limit on file size fails a write in its middle, as a full disk does.
    full = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n{WRITER}"
    command = [sys.executable, "-c", full, str(tmp_path / "w"), str(tmp_path / "in"), "f", "1"]
    ended = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    assert ended.returncode == 1
    assert b"File too large" in ended.stderr
    assert store.versions() == [first]
    assert unversioned(store.read()) == small(tmp_path / "small")
    assert not list(store.folder.rglob(f"{PARTIAL}*"))


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=12)
LISTS = st.lists(TEXTS, max_size=2).map(tuple)
STATUS = st.sampled_from(("active", "candidate", "retired"))


@st.composite
def snapshots(draw):
    """Any snapshot that the contracts allow: shared sets, keys without values, spare keys, tags."""
    ids = draw(st.lists(TEXTS.filter(lambda text: text != ANY_CATEGORY), min_size=1, max_size=5, unique=True))
    categories = {
        found: Category(found, draw(TEXTS), ids[number - 1] if number else None, synonyms=draw(LISTS))
        for number, found in enumerate(ids)
    }
    values = st.builds(Value, TEXTS, TEXTS, st.integers(0, 2**62), LISTS, STATUS)
    identities = Identities()
    drawn = draw(st.lists(st.tuples(TEXTS, st.lists(values, min_size=1, max_size=4)), max_size=4))
    sets = [identities.value_set_of(context, found) for context, found in drawn]

    def links(category_id: str) -> tuple[CategoryKey, ...]:
        return tuple(
            CategoryKey(
                AttributeKey(
                    category_id, key_id, draw(TEXTS), draw(st.text("ab")), draw(st.sampled_from(("free", "measure"))),
                    draw(st.one_of(st.none(), st.builds(Normalization, TEXTS, st.text("ab")))),
                    draw(LISTS), draw(st.one_of(st.none(), st.booleans())), draw(STATUS),
                ),
                draw(st.sampled_from(["", *(found.value_set_id for found in sets)])),
            )
            for key_id in draw(st.lists(TEXTS, max_size=3, unique=True))
        )  # fmt: skip

    keys = {found: made for found in ids if (made := links(found))}
    tags = {found: ScenarioTag(found, draw(TEXTS), category_ids=draw(LISTS)) for found in draw(LISTS)}
    by_id = {found.value_set_id: found for found in sets}
    return Snapshot("", categories, keys, by_id, tags, links(ANY_CATEGORY))


@settings(max_examples=40, deadline=None)
@given(snapshot=snapshots())
def test_any_snapshot_survives_the_way_to_disk_and_back(tmp_path_factory, snapshot):
    store = OntologyStore(tmp_path_factory.mktemp("w"), "any")
    made = store.commit(snapshot, SOURCE, 1)
    assert unversioned(store.read()) == snapshot
    assert store.commit(store.read(), SOURCE, 2) == made
    assert (
        json.loads((store.folder / "versions/000001/manifest.json").read_text("utf-8"))["digest"]
        == made.digest
    )
