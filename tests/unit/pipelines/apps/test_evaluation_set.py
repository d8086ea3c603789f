"""What is scored: the whole set or the held-out fifth, whose values must not leak into the ontology."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.apps.evaluation_set import HELD_OUT_FIFTH, NothingToScore, load_set, training_part
from pipelines.apps.gold import BadGold, read_gold
from pipelines.apps.split_ontology import cached_interchange, training_ontology, write_interchange
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.snapshot import Snapshot
from pipelines.tunnel.intake_read import AbsentInput, EmptyInput
from schemas.gold import GoldPair
from schemas.listing import Listing
from udfs.split import held_out_groups, split_fifth, split_group
from udfs.text import fold

NOW_MS = 1_790_000_000_000
SHARED = Path(os.environ.get("AIIC_SHARED_DATA", "../shared/data"))
# Of ten items these two are held out (udfs.split).
HELD_OUT = ["sku-7", "sku-8"]


def write_lines(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def value(key_id: str, value_id: str, text: str, **more: Any) -> dict[str, Any]:
    return {
        "category_id": "tea",
        "key_id": key_id,
        "value_id": value_id,
        "text": text,
        "frequency": 99,
        **more,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_lines(
        tmp_path / "ontology/categories.jsonl",
        [
            {"category_id": "tea", "name": "Tea", "parent_id": None},
            {"category_id": "green", "name": "Green tea", "parent_id": "tea", "synonyms": ["绿茶"]},
        ],
    )
    write_lines(
        tmp_path / "ontology/keys.jsonl",
        [
            {
                "category_id": "tea",
                "key_id": "form",
                "name": "Form",
                "description": "",
                "value_kind": "enumerated",
            },
            {
                "category_id": "tea",
                "key_id": "maker",
                "name": "Maker",
                "description": "",
                "value_kind": "free",
            },
        ],
    )
    write_lines(
        tmp_path / "ontology/values.jsonl",
        [
            value("form", "f1", "loose leaf"),
            value("form", "f2", "Loose Leaf"),
            value("form", "f3", "bags", synonyms=["茶包"]),
            value("form", "f4", "only held out"),
            value("form", "f5", "nowhere"),
            value("maker", "m1", "loose leaf"),
        ],
    )
    category = {0: "green"}
    write_lines(
        tmp_path / "listings.jsonl",
        [
            *(
                {"item_id": f"sku-{n}", "title": "t", "category_id": category.get(n, "tea")}
                for n in range(10)
            ),
            {"item_id": "broken", "title": 7},
        ],
    )
    write_lines(
        tmp_path / "gold.jsonl",
        [
            {"item_id": "sku-0", "key_id": "form", "values": ["loose leaf", "茶包"]},
            {"item_id": "sku-1", "key_id": "form", "values": ["Loose Leaf"]},
            {"item_id": "sku-2", "key_id": "form", "values": ["LOOSE LEAF", "bags"]},
            {"item_id": "sku-3", "key_id": "maker", "values": []},
            {"item_id": "sku-7", "key_id": "form", "values": ["only held out", "bags"]},
            {"item_id": "sku-8", "key_id": "maker", "values": ["loose leaf"]},
        ],
    )
    return tmp_path


def load(folder: Path, split: str | None) -> Any:
    return load_set(folder / "ontology", folder / "listings.jsonl", folder / "gold.jsonl", NOW_MS, split)


def known_values(snapshot: Snapshot) -> dict[str, dict[str, int]]:
    return {
        link.key.key_id: {found.value_id: found.frequency for found in snapshot.values_of(link)}
        for link in snapshot.links()
    }


def test_whole_set(folder: Path) -> None:
    found = load(folder, None)
    assert [listing.item_id for listing in found.listings] == [f"sku-{n}" for n in range(10)]
    assert len(found.gold) == 6
    assert found.rejects == {"wrong_type": 1}
    assert known_values(found.ontology)["form"] == {f"f{n}": 99 for n in range(1, 6)}


def test_held_out_fifth_has_only_what_training_shows(folder: Path) -> None:
    found = load(folder, HELD_OUT_FIFTH)
    assert [listing.item_id for listing in found.listings] == HELD_OUT
    assert [pair.item_id for pair in found.gold] == HELD_OUT
    # f1: sku-0 and, folded, sku-2; f2: sku-1; f3: bags once and its synonym once; f4, f5 and m1 never in training.
    assert known_values(found.ontology) == {"form": {"f1": 2, "f2": 1, "f3": 2}, "maker": {}}


def test_nothing_of_the_held_out_fifth_is_learned_from(folder: Path) -> None:
    path = folder / "listings.jsonl"
    odd = [{"item_id": f"odd-{n}", "title": "t", "category_id": (None, "gone")[n % 2]} for n in range(10)]
    path.write_text(path.read_text("utf-8") + "".join(json.dumps(row) + "\n" for row in odd), "utf-8")
    learned = {listing.item_id for listing in training_part(load(folder, None))}
    held_out = {listing.item_id for listing in load(folder, HELD_OUT_FIFTH).listings}
    assert learned and len(held_out) == 4
    assert learned == {f"sku-{n}" for n in range(10)} - held_out


def test_families_of_the_demo_catalog_are_learned_from_or_held_out() -> None:
    catalog = Path(__file__).parents[4] / "infra/demo/catalog"
    learned = {split_group(listing) for listing in training_part(load(catalog, None))}
    held_out = {split_group(listing) for listing in load(catalog, HELD_OUT_FIFTH).listings}
    assert len(learned) > 3 * len(held_out) > 0
    assert not learned & held_out


def test_the_cut_ontology_survives_being_written_and_read(folder: Path, tmp_path: Path) -> None:
    cut = load(folder, HELD_OUT_FIFTH).ontology
    write_interchange(cut, tmp_path / "cut")
    again = load_interchange(tmp_path / "cut")
    assert (again.categories, again.keys, again.value_sets) == (cut.categories, cut.keys, cut.value_sets)


def test_the_cache_has_one_folder_for_equal_ontologies(folder: Path) -> None:
    cut, cache = load(folder, HELD_OUT_FIFTH).ontology, folder / "cache"
    first = cached_interchange(cut, cache)
    assert cached_interchange(load(folder, HELD_OUT_FIFTH).ontology, cache) == first
    assert list(cache.iterdir()) == [first]
    assert load_interchange(first).value_sets == cut.value_sets
    other = cached_interchange(load(folder, None).ontology, cache)
    assert sorted(cache.iterdir()) == sorted([first, other])


def test_training_items_without_category_teach_nothing(folder: Path) -> None:
    ontology = load_interchange(folder / "ontology")
    gold = [GoldPair("x", "form", ("bags",)), GoldPair("y", "form", ("bags",))]
    train = [Listing("x", "t"), Listing("y", "t", category_id="gone")]
    assert known_values(training_ontology(ontology, gold, train)) == {"form": {}, "maker": {}}


def test_split_is_by_family_and_does_not_depend_on_order() -> None:
    listings = [Listing(f"sku-{n}", "t", spu_id=f"spu-{n % 10}") for n in range(40)]
    train, held_out = split_fifth(listings)
    assert {listing.spu_id for listing in held_out} == {"spu-7", "spu-8"}
    assert (len(train), len(held_out)) == (32, 8)
    assert {item.item_id for item in split_fifth(listings[::-1])[1]} == {item.item_id for item in held_out}
    assert held_out_groups([]) == frozenset()


def test_gold_of_one_pair_given_twice_is_joined(folder: Path) -> None:
    write_lines(
        folder / "gold.jsonl",
        [{"item_id": "a", "key_id": "k", "values": values} for values in (["x", "y"], ["y", "z"])],
    )
    assert read_gold(folder / "gold.jsonl") == [GoldPair("a", "k", ("x", "y", "z"))]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"item_id": "a", "key_id": "k", "values": "x"}', r"gold\.jsonl:2: wrong_type: values"),
        ('{"item_id": "a", "values": []}', r"gold\.jsonl:2: missing_field: key_id"),
        ("{", r"gold\.jsonl:2: not_json"),
    ],
)
def test_bad_gold_is_an_error_with_its_line(folder: Path, line: str, said: str) -> None:
    (folder / "gold.jsonl").write_text('{"item_id": "a", "key_id": "k", "values": []}\n' + line)
    with pytest.raises(BadGold, match=said):
        read_gold(folder / "gold.jsonl")


def test_absent_empty_and_foreign_gold_are_errors(folder: Path) -> None:
    (folder / "gold.jsonl").unlink()
    with pytest.raises(AbsentInput):
        load(folder, None)
    (folder / "gold.jsonl").write_text("")
    with pytest.raises(EmptyInput):
        load(folder, None)
    write_lines(folder / "gold.jsonl", [{"item_id": "other", "key_id": "k", "values": []}])
    with pytest.raises(NothingToScore):
        load(folder, None)


def test_a_set_too_small_to_split_is_an_error(folder: Path) -> None:
    write_lines(folder / "listings.jsonl", [{"item_id": "sku-0", "title": "t", "category_id": "tea"}])
    with pytest.raises(NothingToScore, match="too small"):
        load(folder, HELD_OUT_FIFTH)


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="AIIC_SHARED_DATA is absent; the twins above use our own data"
)
def test_held_out_fifth_of_wdc_pave() -> None:
    folder = SHARED / "wdc_pave"
    found = load(folder, HELD_OUT_FIFTH)
    assert (len(found.listings), len(found.gold)) == (213, 3_368)
    assert sum(len(set(map(fold, pair.values))) for pair in found.gold) == 1_543
    whole = load(folder, None)
    train = {listing.item_id for listing in whole.listings} - {listing.item_id for listing in found.listings}
    taught = {text for pair in whole.gold if pair.item_id in train for text in pair.values}
    kept = {
        found_value.text for values in found.ontology.value_sets.values() for found_value in values.values
    }
    assert kept <= taught
    assert len(kept) > 1_000
