"""Planning: every listing in one shard, whole SPUs, one category; the same inputs are the same plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.tunnel.plan import (
    ListingsDigest,
    PlanInputs,
    Shard,
    cut_shards,
    entry_of,
    family_calls,
    item_digest,
    plan_id_of,
    shard_id_of,
    shard_order,
)
from schemas.listing import Listing
from schemas.shard import ShardItem

INPUTS = PlanInputs("2026-11-01", "d" * 32, "v1-abc", "model-1", {"discriminator": "cascade", "top_k": 10})


def item(
    item_id: str, spu_id: str | None = None, category_id: str | None = "tea", event_ms: int = 1
) -> ShardItem:
    return ShardItem(
        Listing(item_id, f"title of {item_id}", spu_id=spu_id, category_id=category_id), event_ms
    )


def family(spu_id: str, size: int, category_id: str | None = "tea") -> list[ShardItem]:
    return [item(f"{spu_id}-{n:03}", spu_id, category_id) for n in range(size)]


def shape(items: list[ShardItem], size: int) -> list[tuple[str, int, int]]:
    return [
        (shard.category_id, shard.ordinal, len(shard.items))
        for shard in cut_shards(sorted(items, key=shard_order), size)
    ]


def test_small_spus_share_a_shard_until_it_is_full():
    assert shape([*family("a", 2), *family("b", 3), *family("c", 1)], 5) == [("tea", 0, 5), ("tea", 1, 1)]


def test_an_spu_that_does_not_fit_starts_the_next_shard_and_is_not_split():
    assert shape([*family("a", 4), *family("b", 3)], 5) == [("tea", 0, 4), ("tea", 1, 3)]


def test_a_large_spu_is_split_into_chunks_of_its_own():
    assert shape([*family("a", 1), *family("b", 7), *family("c", 1)], 3) == [
        ("tea", 0, 1), ("tea", 1, 3), ("tea", 2, 3), ("tea", 3, 1), ("tea", 4, 1),
    ]  # fmt: skip


def test_an_spu_of_exactly_a_shard_is_whole():
    shards = list(cut_shards(family("a", 3), 3))
    assert [len(shard.items) for shard in shards] == [3]


def test_listings_without_category_have_shards_of_their_own():
    assert shape([*family("a", 1, None), *family("b", 1)], 9) == [("", 0, 1), ("tea", 0, 1)]


def test_a_listing_without_spu_is_its_own_family():
    assert entry_of(Shard("tea", 0, (item("x"), item("y"))), "p").spus == 2


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="rows_per_shard is 0"):
        list(cut_shards([item("x")], 0))


def test_a_call_holds_whole_families_where_they_fit():
    items = sorted([*family("a", 2), *family("b", 3), *family("c", 7), item("x")], key=shard_order)
    calls = list(family_calls(items, 4))
    assert [len(call) for call in calls] == [2, 3, 4, 3, 1]
    assert [found for call in calls for found in call] == items
    with pytest.raises(ValueError, match="rows_per_call is 0"):
        list(family_calls(items, 0))


listings = st.lists(
    st.tuples(st.sampled_from([None, "tea", "shoes", "Tea"]), st.integers(0, 6), st.integers(0, 40)),
    max_size=80,
    unique_by=lambda row: row[2],
)


@given(listings, st.integers(1, 9))
def test_any_catalog_is_cut_into_whole_spus_of_one_category(rows, size):
    items = sorted((item(f"i{n}", f"s{spu}", category) for category, spu, n in rows), key=shard_order)
    shards = list(cut_shards(items, size))
    assert [found for shard in shards for found in shard.items] == items
    assert all(1 <= len(shard.items) <= size for shard in shards)
    assert all(
        (found.listing.category_id or "") == shard.category_id for shard in shards for found in shard.items
    )
    assert len({shard_id_of(shard) for shard in shards}) == len(shards)
    homes: dict[tuple[str, str], set[str]] = {}
    for shard in shards:
        for found in shard.items:
            homes.setdefault(shard_order(found)[:2], set()).add(shard_id_of(shard))
    sizes = Counter(shard_order(found)[:2] for found in items)
    for spu, where in homes.items():
        assert len(where) == -(-sizes[spu] // size) if sizes[spu] > size else len(where) == 1


@given(listings)
def test_the_digest_of_listings_does_not_depend_on_their_order(rows):
    items = [item(f"i{n}", f"s{spu}", category) for category, spu, n in rows]
    forward, backward = ListingsDigest(), ListingsDigest()
    for found in items:
        forward.add(found)
    for found in reversed(items):
        backward.add(found)
    assert forward.hex() == backward.hex()
    assert forward.count == len(items)


def test_every_change_of_a_listing_changes_its_digest():
    base = item("x", "s")
    changed = [
        replace(base, event_ms=2),
        replace(base, listing=replace(base.listing, title="other")),
        replace(base, listing=replace(base.listing, attributes={"Colour": "red"})),
        replace(base, listing=replace(base.listing, is_deleted=True)),
    ]
    assert len({item_digest(found) for found in [base, *changed]}) == 5


def test_the_same_inputs_are_the_same_plan():
    assert plan_id_of(INPUTS) == plan_id_of(replace(INPUTS, recognition=dict(INPUTS.recognition)))
    assert len(plan_id_of(INPUTS)) == 16


@pytest.mark.parametrize("name", [field.name for field in fields(PlanInputs)])
def test_every_changed_input_is_a_new_plan(name):
    other = {"recognition": {"discriminator": "all", "top_k": 10}, "rows_per_shard": 7, "turn": 1}.get(
        name, "changed"
    )
    assert plan_id_of(replace(INPUTS, **{name: other})) != plan_id_of(INPUTS)


@pytest.mark.parametrize("category_id", ["", "../../etc", "茶叶", "a/b\\c", "x" * 200, "Tea", "tea"])
def test_a_shard_id_is_a_plain_file_name(category_id):
    name = shard_id_of(Shard(category_id, 12, ()))
    assert name.isascii() and "/" not in name and not name.startswith(".") and len(name) <= 60
    assert name.endswith("-00012")


def test_categories_of_like_names_have_different_shards():
    assert shard_id_of(Shard("Tea", 0, ())) != shard_id_of(Shard("tea", 0, ()))


def test_the_digest_of_an_entry_follows_its_content():
    one, two = Shard("tea", 0, (item("x"),)), Shard("tea", 0, (item("x", event_ms=2),))
    assert entry_of(one, "p").digest != entry_of(two, "p").digest
    assert entry_of(one, "p").path == f"shards/{shard_id_of(one)}.parquet"
