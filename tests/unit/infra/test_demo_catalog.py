"""The demo catalog: what it must hold, that its gold follows from its text, and that it can be rebuilt."""

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from infra.demo.build_catalog import CATALOG, Catalog, build, differing, main
from infra.demo.dirt import comparable
from infra.demo.tree import LEAVES
from schemas.listing import Listing
from schemas.parse import BadRecord, parse_record

Row = dict[str, Any]
Gold = dict[str, dict[str, list[str]]]


def rows(name: str, folder: Path = CATALOG) -> list[Row]:
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return build()


@pytest.fixture(scope="module")
def listings() -> list[Row]:
    return rows("listings.jsonl")


@pytest.fixture(scope="module")
def gold() -> Gold:
    found: Gold = defaultdict(dict)
    for row in rows("gold.jsonl"):
        assert row["key_id"] not in found[row["item_id"]], "one gold row a pair"
        found[row["item_id"]][row["key_id"]] = row["values"]
    return found


@pytest.fixture(scope="module")
def true_category() -> dict[str, str]:
    return {row["item_id"]: row["category_id"] for row in rows("notes.jsonl")}


def families(listings: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in listings:
        if row["spu_id"]:
            found[row["spu_id"]].append(row)
    return found


def test_committed_files_are_what_the_builder_makes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert differing(CATALOG) == []
    assert main(["--folder", str(tmp_path)]) == 0
    written = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    committed = {
        p.relative_to(CATALOG): p.read_bytes()
        for p in CATALOG.rglob("*")
        if p.is_file() and p.name != "README.md"
    }
    assert written == committed
    (tmp_path / "gold.jsonl").write_bytes(b"{}\n")
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    assert "out of date: gold.jsonl" in capsys.readouterr().out


def test_size_and_variety(listings: list[Row], true_category: dict[str, str]) -> None:
    notes = rows("notes.jsonl")
    leaves = Counter(true_category.values())
    assert len(listings) >= 400
    assert len(leaves) >= 10
    assert min(leaves.values()) >= 20
    locales = Counter(row["locale"] for row in listings)
    assert 0.55 < locales["en"] / len(listings) < 0.75
    assert locales["en"] + locales["zh"] == len(listings)
    assert sum(any(note.startswith("hostile") for note in row["notes"]) for row in notes) >= 8
    assert 0.04 < sum(row["category_id"] is None for row in listings) / len(listings) < 0.08
    assert sum(row["spu_id"] is None for row in listings) >= 30
    for wanted in (
        "contradiction",
        "html description",
        "duplicate of",
        "full-width",
        "decorated",
        "empty attribute",
    ):
        assert any(note.startswith(wanted) for row in notes for note in row["notes"]), wanted
    assert sum(p.stat().st_size for p in CATALOG.rglob("*") if p.is_file()) < 1_500_000
    first = {true_category[row["item_id"]] for row in listings[:100]}
    assert first == set(leaves), "a short run sees every category"


def test_readme_counts_are_true(listings: list[Row], gold: Gold) -> None:
    text = (CATALOG / "README.md").read_text(encoding="utf-8")
    stated = sum(bool(values) for found in gold.values() for values in found.values())
    members = families(listings)
    for words in (
        f"{len(rows('ontology/keys.jsonl'))} keys",
        f"{len(rows('ontology/values.jsonl'))} values",
        f"{len(listings)} listings, {len(members)} families",
        f"{sum(row['spu_id'] is None for row in listings)} items without a family",
        f"{sum(row['locale'] == 'en' for row in listings)} English, ",
        f"{len(rows('gold.jsonl')):,} rows, of which {stated:,} state a value",
    ):
        assert words in text, words


def test_listings_keep_the_contract(listings: list[Row]) -> None:
    ids = [row["item_id"] for row in listings]
    assert len(set(ids)) == len(ids)
    for row in [*listings, *rows("updates.jsonl")]:
        assert parse_record(Listing, row).item_id == row["item_id"]
        moment = datetime.fromisoformat(row["event_time"])
        assert moment.tzinfo is not None
        assert datetime(2026, 1, 1, tzinfo=UTC) <= moment < datetime(2026, 11, 1, tzinfo=UTC)


def test_ontology_is_consistent() -> None:
    categories = {row["category_id"]: row for row in rows("ontology/categories.jsonl")}
    keys = rows("ontology/keys.jsonl")
    values = rows("ontology/values.jsonl")
    seen: set[str] = set()
    for row in categories.values():
        assert row["parent_id"] is None or row["parent_id"] in seen, "a parent stands above its children"
        seen.add(row["category_id"])
    pairs = Counter((row["category_id"], row["key_id"]) for row in keys)
    assert max(pairs.values()) == 1
    assert {row["category_id"] for row in keys} == {leaf.category_id for leaf in LEAVES}
    assert {row["value_kind"] for row in keys} == {"enumerated", "identifier", "measure", "free"}
    for leaf in LEAVES:
        own = [row for row in keys if row["category_id"] == leaf.category_id]
        assert 6 <= len(own) <= 12, leaf.category_id
        assert {row["value_kind"] for row in own} == {"enumerated", "identifier", "measure", "free"}
    for row in keys:
        assert any(not name.isascii() for name in row["synonyms"]), "a Chinese name"
        assert any(name.isascii() for name in row["synonyms"]), "an English synonym"
    assert len({row["value_id"] for row in values}) == len(values)
    assert len({(r["category_id"], r["key_id"], r["text"].casefold()) for r in values}) == len(values)
    assert all((row["category_id"], row["key_id"]) in pairs for row in values)
    for tag in rows("ontology/tags.jsonl"):
        assert tag["category_ids"] and set(tag["category_ids"]) <= set(categories)


def test_no_synonym_names_two_values() -> None:
    for leaf in LEAVES:
        for key in leaf.keys:
            named: dict[str, str] = {}
            for fact in key.facts:
                for word in {w.casefold() for w in (fact.text, *fact.synonyms, *fact.en, *fact.zh)}:
                    assert named.setdefault(word, fact.text) == fact.text, (
                        leaf.category_id,
                        key.key_id,
                        word,
                    )


def test_gold_covers_every_key_of_the_true_category(
    listings: list[Row], gold: Gold, true_category: dict[str, str]
) -> None:
    keys = defaultdict(set)
    for row in rows("ontology/keys.jsonl"):
        keys[row["category_id"]].add(row["key_id"])
    assert set(gold) == {row["item_id"] for row in listings}
    for row in listings:
        category = true_category[row["item_id"]]
        assert row["category_id"] in (category, None)
        assert set(gold[row["item_id"]]) == keys[category]


def test_gold_values_have_the_form_of_their_key(gold: Gold, true_category: dict[str, str]) -> None:
    keys = {(row["category_id"], row["key_id"]): row for row in rows("ontology/keys.jsonl")}
    listed = defaultdict(set)
    for row in rows("ontology/values.jsonl"):
        listed[row["category_id"], row["key_id"]].add(row["text"])
    forms = {"Numeric Standardization": r"\d+", "Unit Conversion": r"\d+(\.\d)?", "Delete Marks": r"[0-9A-Z]+",
             "Substring Extraction": r"\d{5}", "Unit Expansion": r"\d+ [A-Z][a-z]+( [A-Z][a-z]+)?"}  # fmt: skip
    kinds: Counter[str] = Counter()
    for item_id, found in gold.items():
        for key_id, values in found.items():
            pair = true_category[item_id], key_id
            key = keys[pair]
            assert len(values) == len(set(values))
            assert len(values) <= 1 or key.get("multi_valued"), (item_id, key_id)
            kinds[key["value_kind"]] += len(values)
            for value in values:
                if key["value_kind"] == "enumerated":
                    assert value in listed[pair], (item_id, key_id, value)
                elif key["normalization"]:
                    assert re.fullmatch(forms[key["normalization"]["rule"]], value), (item_id, key_id, value)
    assert min(kinds.values()) > 300, kinds


def test_every_stated_value_stands_in_the_text(catalog: Catalog) -> None:
    for draft in [*catalog.drafts, *catalog.updates]:
        row: Row = draft.row
        supported: dict[str, set[str]] = defaultdict(set)
        for said in draft.statements:
            name, _, label = said.field.partition(".")
            text = row[name][label] if label else row[name]
            assert comparable(said.surface) in comparable(str(text)), (draft.row["item_id"], said)
            supported[said.key_id] |= set(said.values)
        for key_id, values in draft.gold().items():
            assert set(values) <= supported[key_id]


def test_texts_state_nothing_beside_the_gold(catalog: Catalog) -> None:
    """No word of another listed value stands in title or description outside the words that state a fact."""
    for draft in catalog.drafts:
        if any(note.startswith("hostile") for note in draft.notes):
            continue
        text = comparable(draft.text("title") + "\n" + draft.text("description"))
        for surface in sorted({comparable(said.surface) for said in draft.statements}, key=len, reverse=True):
            text = text.replace(surface, "#")
        for key in draft.category.keys:
            true = set(draft.gold()[key.key_id])
            words = {
                comparable(w) for f in key.facts if f.text not in true for w in (*f.en, *f.zh, *f.synonyms)
            }
            for word in words:
                bounds = r"(?<!\w)%s(?!\w)" if word.isascii() else "%s"
                found = len(word) > 1 and re.search(bounds % re.escape(word), text)
                assert not found, (draft.row["item_id"], key.key_id, word)


def test_prose_wins_over_contradicting_attributes(catalog: Catalog) -> None:
    contradicted = 0
    for draft in catalog.drafts:
        row: Row = draft.row
        for note in draft.notes:
            if not note.startswith("contradiction: "):
                continue
            key = draft.category.key(note.removeprefix("contradiction: "))
            prose = {
                v for s in draft.statements if s.key_id == key.key_id and "." not in s.field for v in s.values
            }
            assert draft.gold()[key.key_id] == list(prose)
            labels = {key.name.casefold(), *(name.casefold() for name in key.synonyms)}
            texts = [str(v) for name, v in row["attributes"].items() if name.casefold() in labels]
            wrong = [
                f for f in key.facts if {t.casefold() for t in texts} & {w.casefold() for w in (*f.en, *f.zh)}
            ]
            assert [f.text for f in wrong if f.text not in prose], (draft.row["item_id"], texts)
            contradicted += 1
    assert contradicted >= 15


def test_families_share_their_text(listings: list[Row]) -> None:
    shares = []
    for members in families(listings).values():
        assert 2 <= len(members) <= 8
        assert len({row["title"] + row["description"] for row in members}) == len(members)
        for one, other in combinations(members, 2):
            first, second = (
                Counter(re.findall(r"[a-z0-9.]+|[^a-z0-9\s]", (r["title"] + r["description"]).lower()))
                for r in (one, other)
            )
            shares.append((first & second).total() / max(first.total(), second.total()))
    assert sum(shares) / len(shares) > 0.85
    assert min(shares) > 0.6


def test_duplicates_repeat_text_and_gold(listings: list[Row], gold: Gold) -> None:
    by_id = {row["item_id"]: row for row in listings}
    pairs = [
        (row["item_id"], note.removeprefix("duplicate of "))
        for row in rows("notes.jsonl")
        for note in row["notes"]
        if note.startswith("duplicate of ")
    ]
    assert len(pairs) == 10
    for copy, original in pairs:
        for name in ("title", "description", "attributes"):
            assert by_id[copy][name] == by_id[original][name]
        assert gold[copy] == gold[original]


def test_hostile_texts_leave_gold_alone(catalog: Catalog) -> None:
    attacked = [draft for draft in catalog.drafts if any(n.startswith("hostile") for n in draft.notes)]
    assert len({n for d in attacked for n in d.notes if n.startswith("hostile")}) == len(attacked)
    for draft in attacked:
        assert draft.gold()["brand"], draft.row["item_id"]
        said = {value for values in draft.gold().values() for value in values}
        assert not {"EvilCorp", "邪恶公司", "X"} & said


def test_updates_are_newer_but_for_two(listings: list[Row]) -> None:
    before = {row["item_id"]: row for row in listings}
    updates = rows("updates.jsonl")
    *newer, late, again = updates
    for row in newer:
        old, new = (datetime.fromisoformat(r["event_time"]) for r in (before[row["item_id"]], row))
        assert new > old
    assert sum(row.get("is_deleted", False) for row in updates) == 1
    assert sum(row["title"] != before[row["item_id"]]["title"] for row in newer) >= 8
    assert datetime.fromisoformat(late["event_time"]) < datetime.fromisoformat(
        before[late["item_id"]]["event_time"]
    )
    assert late["title"] != before[late["item_id"]]["title"] or late["price"] != before[late["item_id"]].get(
        "price"
    )
    assert again == newer[0]
    labelled = {row["item_id"] for row in rows("updates_gold.jsonl")}
    assert labelled == {row["item_id"] for row in newer if not row.get("is_deleted")}


def test_bad_lines_are_bad_and_the_others_good() -> None:
    expected = json.loads((CATALOG / "bad_listings.expected.json").read_text())
    lines = (CATALOG / "bad_listings.jsonl").read_bytes().splitlines()
    assert len(expected) >= 15
    assert len(set(expected.values())) == len(expected)
    seen: set[str] = set()
    refused = set()
    for number, line in enumerate(lines, 1):
        try:
            listing = parse_record(Listing, json.loads(line.decode()))
        except (BadRecord, UnicodeDecodeError, json.JSONDecodeError):
            refused.add(str(number))
            continue
        future = datetime.fromisoformat(str(listing.event_time)) > datetime(2100, 1, 1, tzinfo=UTC)
        if listing.item_id in seen or future:  # what only a batch and a clock can tell
            refused.add(str(number))
        seen.add(listing.item_id)
    assert refused == set(expected)
