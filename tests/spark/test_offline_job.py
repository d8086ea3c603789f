"""Planning on Spark: the same shards as the pure function cuts, whatever the partitions."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from jobs.batch.daily_item_knowledge_intake import Intake, discard, keep_intake, staging, take_in
from jobs.batch.daily_item_knowledge_recognise import RecogniseFailed, recognise_plan
from jobs.batch.daily_item_knowledge_shards import write_shards
from pipelines.library.recogniser import RecogniserConfig
from pipelines.tunnel.intake_read import AbsentInput, EmptyInput
from pipelines.tunnel.offline import ShardConfig
from pipelines.tunnel.plan import ListingsDigest, cut_shards, entry_of, shard_order
from pipelines.tunnel.plan_folder import Plan, PlanFolder, read_items, write_items
from schemas.derive import arrow_schema, to_mapping
from schemas.listing import Listing
from schemas.shard import ShardItem

NOW_MS = 1_800_000_000_000


def catalog() -> list[Listing]:
    """Categories of all sizes, in Chinese too, SPUs larger than a shard, listings without category or SPU."""
    sizes = {"tea": (1, 2, 9, 3), "茶叶": (2, 2), "Tea": (1,), "": (4, 1)}
    found = [
        Listing(
            f"{category}-{spu}-{sku}", f"标题 {sku} 🍵", spu_id=f"spu-{spu}", category_id=category or None
        )
        for category, families in sizes.items()
        for spu, size in enumerate(families)
        for sku in range(size)
    ]
    loners = [
        Listing(f"loner-{n}", "x", category_id="tea", attributes={"色": "红"}, price=1.5) for n in range(3)
    ]
    return [*found, *loners]


@pytest.fixture
def listings(tmp_path):
    path = tmp_path / "in" / "listings.jsonl"
    path.parent.mkdir()
    rows = [json.dumps(to_mapping(listing), ensure_ascii=False) for listing in catalog()]
    path.write_text(
        "\n".join([*rows, '{"item_id": "bad", "title": 7}', '{"title": "no id"}', rows[0]]) + "\n", "utf-8"
    )
    return path


@pytest.fixture
def taken(listings, tmp_path) -> Intake:
    return take_in([listings], staging(tmp_path / "day"), NOW_MS, 5, 0)


@pytest.fixture
def folder(taken, tmp_path) -> PlanFolder:
    made = PlanFolder(tmp_path / "day" / "p1")
    keep_intake(taken, made)
    return made


@pytest.mark.parametrize("size", [1, 4, 64])
def test_spark_cuts_the_shards_that_the_pure_function_cuts(spark, folder, size):
    written = write_shards(spark, folder, "p1", size)
    items = sorted((ShardItem(listing, 5) for listing in catalog()), key=shard_order)
    expected = list(cut_shards(items, size))
    assert sorted(written, key=lambda e: e.shard_id) == sorted(
        (entry_of(shard, "p1") for shard in expected), key=lambda e: e.shard_id
    )
    for shard in expected:
        path = folder.shard(entry_of(shard, "p1"))
        assert tuple(read_items(path)) == shard.items
        assert pq.read_schema(path).equals(arrow_schema(ShardItem))


def test_planning_again_writes_the_same_bytes(spark, folder):
    entries = write_shards(spark, folder, "p1", 4)
    before = {entry.path: folder.shard(entry).read_bytes() for entry in entries}
    again = write_shards(spark, folder, "p1", 4)
    assert {entry.path: folder.shard(entry).read_bytes() for entry in again} == before


def test_intake_counts_rejects_and_stops_at_nothing(taken):
    assert taken.listings == len(catalog())
    assert taken.rejects == {"wrong_type": 1, "missing_field": 1, "duplicate_id": 1}
    lines = [json.loads(line)["line"] for line in taken.folder.rejects.read_text("utf-8").splitlines()]
    assert lines == [len(catalog()) + n for n in (1, 2, 3)]


def test_the_digest_of_an_intake_is_that_of_its_listings(taken, listings, tmp_path):
    digest = ListingsDigest()
    for listing in reversed(catalog()):
        digest.add(ShardItem(listing, 5))
    assert taken.digest == digest.hex()
    other_time = take_in([listings], staging(tmp_path / "other"), NOW_MS, 6, 0)
    assert other_time.digest != taken.digest


def test_a_limit_takes_the_first_listings_and_says_so(listings, tmp_path):
    taken = take_in([listings], staging(tmp_path / "day"), NOW_MS, 5, 7)
    assert (taken.listings, taken.notes) == (7, ("Only the first 7 listings were taken.",))


def test_input_of_bad_listings_only_is_an_error_that_names_the_rejects(tmp_path):
    path = tmp_path / "l.jsonl"
    path.write_text('{"title": "no id"}\n')
    kept = tmp_path / "day" / "rejects.jsonl"
    with pytest.raises(EmptyInput, match=rf"none of the 1 listings keeps its contract .*1\): see {kept}$"):
        take_in([path], staging(tmp_path / "day"), NOW_MS, 5, 0)
    assert json.loads(kept.read_text("utf-8"))["reason"] == "missing_field"
    assert list(kept.parent.iterdir()) == [kept]


def test_absent_input_is_an_error(tmp_path):
    with pytest.raises(AbsentInput, match="no such file"):
        take_in([tmp_path / "absent.jsonl"], staging(tmp_path / "day"), NOW_MS, 5, 0)


def test_intake_of_a_killed_process_is_removed_by_the_next(tmp_path):
    left = tmp_path / ".intake-999999999"
    left.mkdir()
    own = staging(tmp_path)
    assert not left.exists()
    own.root.mkdir()
    discard(Intake(own, "", 0, {}, ()))
    assert list(tmp_path.iterdir()) == []


def test_shards_without_servers_fail_with_one_reason_and_write_nothing(spark, folder, tmp_path):
    """A release that is not there: every task would fail, the first that notices stops the others."""
    items = [ShardItem(Listing(f"i{n}", "x"), n) for n in range(3)]
    entries = [entry_of(shard, "p1") for shard in cut_shards(items, 1)]
    for entry, item in zip(entries, items, strict=True):
        write_items(folder.shard(entry), [item])
    plan = Plan("p1", "2026-11-01", "r", "v1", "m", 1, 0, 3, {})
    config = RecogniserConfig(
        str(tmp_path / "no-release"), "", "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"
    )
    with pytest.raises(RecogniseFailed, match="3 of 3 shards are left, the others are kept"):
        recognise_plan(spark, folder, plan, entries, config, ShardConfig())
    assert not (folder.root / "results").exists()
