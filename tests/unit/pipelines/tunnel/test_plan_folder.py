"""The plan's folder: complete or not there; what is left to do is what has no result."""

from __future__ import annotations

import pytest

from pipelines.tunnel.plan import Shard, entry_of
from pipelines.tunnel.plan_folder import (
    Plan,
    PlanError,
    PlanFolder,
    current_plan,
    day_folder,
    read_items,
    read_plan,
    sweep_partials,
    unfinished,
    write_items,
    write_plan,
    write_whole,
)
from schemas.listing import Listing
from schemas.shard import ShardItem

DAY = "2026-11-01"
PLAN = Plan("p1", DAY, "r", "v1", "m", 3, 1, 2, {"empty": 1}, ("a note",))
ITEM = ShardItem(
    Listing("x", "茶 🍵", spu_id=None, attributes={"净含量": "250 g"}, image_urls=("u",), price=1.5),
    1_790_000_000_000,
)


@pytest.fixture
def folder(tmp_path):
    return PlanFolder(day_folder(tmp_path, DAY) / "p1")


def entries(count: int):
    return [entry_of(Shard("tea", n, (ITEM,)), "p1") for n in range(count)]


def test_a_written_plan_is_the_days_current_one_and_reads_back(folder, tmp_path):
    write_plan(folder, PLAN, entries(2))
    assert current_plan(tmp_path, DAY) == folder
    assert read_plan(folder) == (PLAN, entries(2))


def test_no_plan_of_the_day_says_what_to_do(tmp_path):
    with pytest.raises(PlanError, match="run the `plan` step first"):
        current_plan(tmp_path, DAY)


@pytest.mark.parametrize("lost", ["manifest.json", "plan.json"])
def test_an_incomplete_plan_is_refused(folder, lost):
    write_plan(folder, PLAN, entries(1))
    (folder.root / lost).unlink()
    with pytest.raises(PlanError, match="not complete"):
        read_plan(folder)


@pytest.mark.parametrize("content", ["{", '{"plan_id": 1}', "[]"])
def test_a_broken_plan_is_refused(folder, content):
    write_plan(folder, PLAN, entries(1))
    (folder.root / "plan.json").write_text(content)
    with pytest.raises(PlanError, match="delete"):
        read_plan(folder)


def test_listings_survive_the_shard_with_every_field(tmp_path):
    write_items(tmp_path / "s.parquet", [ITEM])
    assert read_items(tmp_path / "s.parquet") == [ITEM]


def test_unfinished_are_those_without_a_result(folder):
    found = entries(3)
    write_whole(folder.result(found[1].shard_id), b"x")
    write_whole(folder.result(found[2].shard_id).with_name(f".{found[2].shard_id}.parquet.1-2.tmp"), b"x")
    assert unfinished(folder, found) == [found[0], found[2]]


def test_a_reader_never_sees_half_a_file(tmp_path, monkeypatch):
    path = tmp_path / "f"
    write_whole(path, b"old")

    def full(*_):
        assert path.read_bytes() == b"old"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert [found.name for found in tmp_path.iterdir()] == ["f"]
    assert path.read_bytes() == b"old"


def test_sweeping_removes_only_partial_files(folder):
    write_plan(folder, PLAN, entries(1))
    left = folder.root / "results" / ".a.parquet.1-2.tmp"
    write_whole(left, b"x")
    before = {path for path in folder.root.rglob("*") if path.is_file()}
    assert sweep_partials(folder) == 1
    assert {path for path in folder.root.rglob("*") if path.is_file()} == before - {left}
