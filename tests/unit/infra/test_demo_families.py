"""Made families: what siblings share and differ in, that gold follows the text, and that a seed is one set of families."""

import json
from functools import cache
from itertools import islice

import pytest

from infra.demo.families import FamilyConfig, families, gold_rows, main, shared_share

FAMILY = FamilyConfig(families=14, size=6)


@cache
def made(config=FAMILY):
    return list(families(config))


def test_siblings_share_most_of_their_words_and_differ_in_what_the_category_varies():
    shares = []
    for family in made():
        shares.append(shared_share([draft.row for draft in family]))
        assert len({draft.row["spu_id"] for draft in family}) == 1
        for name in ("item_id", "title", "price"):
            assert len({draft.row[name] for draft in family}) == len(family), (name, family[0].row)
        category = family[0].category
        differing = {
            key.key_id
            for key in category.keys
            if len({tuple(draft.gold()[key.key_id]) for draft in family}) > 1
        }
        assert differing & set(category.vary), category.category_id
        unvaried = {key.key_id for key in category.keys if key.kind == "enumerated"} - set(category.vary)
        # A title that leaves out a key that no other field states makes it unstated there, never another value.
        for key_id in differing & unvaried:
            assert len({tuple(draft.gold()[key_id]) for draft in family} - {()}) == 1
    assert 0.8 < sum(shares) / len(shares) < 0.92
    assert min(shares) > 0.6


def test_gold_is_what_the_text_says():
    for family in made():
        for draft in family:
            fields = {"title": draft.row["title"], "description": draft.row["description"]}
            fields |= {f"attributes.{name}": text for name, text in draft.row["attributes"].items()}
            for said in draft.statements:
                assert said.surface.casefold() in fields[said.field].casefold(), (draft.row["item_id"], said)
            rows = {row["key_id"]: row["values"] for row in gold_rows(draft)}
            assert rows.keys() == {key.key_id for key in draft.category.keys}
            stated = {said.key_id for said in draft.statements}
            assert {key_id for key_id, values in rows.items() if values} == stated
            assert all(len(rows[key.key_id]) <= 1 for key in draft.category.keys if not key.multi)


def test_a_seed_is_one_set_and_a_family_does_not_depend_on_the_others():
    def rows(found):
        return [draft.row for family in found for draft in family]

    assert rows(families(FAMILY)) == rows(made())
    assert rows(islice(families(FamilyConfig(100_000, 6)), 5)) == rows(made()[:5])
    assert rows(made(FamilyConfig(2, 6, "other"))) != rows(made()[:2])
    ids = [row["item_id"] for seed in ("1", "2") for row in rows(made(FamilyConfig(14, 6, seed)))]
    assert len(set(ids)) == len(ids)


def test_any_size():
    (large,) = made(FamilyConfig(1, 150))
    assert len(large) == 150 and len({draft.row["item_id"] for draft in large}) == 150
    singles = made(FamilyConfig(14, 1))
    assert [len(family) for family in singles] == [1] * 14
    assert {family[0].row["spu_id"] for family in singles} == {None}
    assert len({family[0].row["title"] for family in singles}) == 14
    assert made(FamilyConfig(0, 3)) == []
    with pytest.raises(ValueError, match="at least one member"):
        made(FamilyConfig(3, 0))


def test_the_command_writes_an_evaluation_set(tmp_path, capsys):
    assert main(["--families", "3", "--size", "2", "--out", str(tmp_path)]) == 0
    said = json.loads(capsys.readouterr().out)
    items = [json.loads(line) for line in (tmp_path / "listings.jsonl").read_text("utf-8").splitlines()]
    gold = [json.loads(line) for line in (tmp_path / "gold.jsonl").read_text("utf-8").splitlines()]
    assert said["items"] == len(items) == 6 and said["pairs"] == len(gold)
    assert said["stated_pairs"] == sum(bool(row["values"]) for row in gold)
    assert (tmp_path / "ontology" / "keys.jsonl").exists()
    with pytest.raises(SystemExit):
        main(["--families", "3", "--size", "0", "--out", str(tmp_path)])


def test_numbers_that_stand_together_are_in_one_unit():
    # Of 120 families of this seed one would else be 46 cm high and 12 inches wide, in one sentence.
    made = list(families(FamilyConfig(120, 8, "review 3")))
    assert len(made) == 120 and all(len(family) == 8 for family in made)
