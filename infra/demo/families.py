"""Product families of any number and size, made from the demo catalog's categories, with gold labels: for measuring throughput.

Siblings share about 85 % of their words, as the paper says of an SPU (section 4.3.2): the description but for what varies, the
merchant's attributes. They differ in what the category varies (colour, size, pack), in identifiers, in the price and in how
the title is worded. Gold is read off the sentences as they are filled, so it follows the text exactly. The same seed gives
the same families, and a family does not depend on how many others are made.

    python -m infra.demo.families --families 40 --size 8 --out build/families    # an evaluation set: ontology, listings, gold
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from random import Random

from infra.demo.family import Recipe, identifier_fact, line_facts, write
from infra.demo.model import Category, Draft, Fact, Line, Statement
from infra.demo.render import fill, numbers, pick
from infra.demo.tree import LEAVES

ONTOLOGY = Path(__file__).parent / "catalog" / "ontology"
REDRAWN_SHARE = 0.7
"""Of the facts that a handwritten line tells, those drawn anew: else all families of one line would be one product."""
MOST_COMBINATIONS = 4_096
_WORD = re.compile(r"[\u4e00-\u9fff]|\w+")


@dataclass(frozen=True, slots=True)
class FamilyConfig:
    """How many families of how many SKUs. `seed` makes others of the same kind; `size` 1 gives items without an SPU."""

    families: int
    size: int
    seed: str = "families 1"


def families(config: FamilyConfig) -> Iterator[list[Draft]]:
    """The families, one after the other, the categories in turn. Errors: ValueError for fewer than one of either.

    Memory: one family.
    """
    if config.families < 0 or config.size < 1:
        raise ValueError(f"{config.families} families of {config.size}: a family has at least one member")
    for number in range(config.families):
        yield _family(LEAVES[number % len(LEAVES)], f"{config.seed}:{number:06d}", number, config.size)


def gold_rows(draft: Draft) -> list[dict[str, object]]:
    """The rows of gold.jsonl of one listing: every key of its category, [] where it is not stated."""
    return [
        {"item_id": draft.row["item_id"], "key_id": key_id, "values": values}
        for key_id, values in draft.gold().items()
    ]


def shared_share(rows: Sequence[dict[str, object]]) -> float:
    """The share of a member's words that all members have, on average."""
    words = [Counter(_WORD.findall(_text(row))) for row in rows]
    common = words[0]
    for other in words[1:]:
        common &= other
    return sum(common.total() / max(1, found.total()) for found in words) / len(words)


def _text(row: dict[str, object]) -> str:
    attributes = row["attributes"]
    stated = attributes.items() if isinstance(attributes, dict) else ()
    return " ".join(
        [str(row["title"]), str(row["description"]), *(f"{name} {text}" for name, text in stated)]
    )


def _family(category: Category, family: str, number: int, size: int) -> list[Draft]:
    rng = Random(family)
    line = _line(category, rng)
    options = _options(category, line, family, rng)
    # The number alone says nothing of the seed: the ids of two seeds would else be the same items.
    name = f"{Random(family).randrange(16**6):06x}-{number:06d}"
    made = []
    for member, facts in enumerate(_members(category, options, size, rng)):
        recipe = _recipe(category, line, family, facts, member, size)
        draft = _reworded(write(recipe), recipe, member)
        draft.row = {
            "item_id": f"sku-{name}-{member:04d}",
            "spu_id": f"spu-{name}" if size > 1 else None,
            "category_id": category.category_id,
            **draft.row,
            "price": round(line.price * (1 + 0.07 * member), 2),
            "locale": recipe.title_locale,
            "event_time": "2026-06-01T00:00:00Z",
        }
        made.append(draft)
    return made


def _line(category: Category, rng: Random) -> Line:
    """One of the category's lines under a name and a code of its own."""
    line = rng.choice(category.lines)
    name = f"{line.name} {rng.randrange(2, 100)}" if line.name else ""
    return replace(
        line, name=name, code=f"{line.code}{rng.randrange(10)}", price=line.price * rng.uniform(0.6, 1.8)
    )


def _options(category: Category, line: Line, family: str, rng: Random) -> dict[str, list[tuple[Fact, ...]]]:
    """The alternatives of each key: all its facts where it varies, else one set of facts, mostly drawn anew.

    What the line's name hints at (`!`) stays as it was told.
    """
    hinted = {part.split("=")[0].strip() for part in line.facts.split(";") if part.strip().endswith("!")}
    options = line_facts(category, line, family)
    for key in category.keys:
        told = options.get(key.key_id)
        if (
            told is None
            or not key.facts
            or key.key_id in hinted
            or key.key_id in ("brand", category.name_key)
        ):
            continue
        if key.key_id in category.vary:
            options[key.key_id] = [(fact,) for fact in key.facts if _is_sayable(fact)]
        elif rng.random() < REDRAWN_SHARE:
            facts = [fact for fact in key.facts if _is_sayable(fact)]
            options[key.key_id] = [tuple(rng.sample(facts, min(len(told[0]), len(facts))))]
        else:
            options[key.key_id] = told[:1]
    told_by_line = line_facts(category, line, family)
    for together in _measured_together(category):
        if len({fact.unit for key in together for choice in options.get(key, []) for fact in choice}) > 1:
            options |= {key_id: told_by_line[key_id][:1] for key_id in together & told_by_line.keys()}
    return options


def _measured_together(category: Category) -> list[frozenset[str]]:
    """Keys whose numbers stand in one sentence with one unit: "60 x 30 x 20 cm"."""
    templates = [*category.en.sentences, *category.zh.sentences]
    return [keys for template in templates if len(keys := numbers(template)) > 1]


def _is_sayable(fact: Fact) -> bool:
    return bool(fact.en and fact.zh)


def _members(
    category: Category, options: dict[str, list[tuple[Fact, ...]]], size: int, rng: Random
) -> Iterator[dict[str, tuple[Fact, ...]]]:
    """The facts of each member: as many different combinations of what varies as there are, then the same again."""
    axes = [key_id for key_id in category.vary if len(options.get(key_id, ())) > 1]
    for key_id in axes:
        rng.shuffle(options[key_id])
    combinations = list(islice(product(*(options[key_id] for key_id in axes)), MOST_COMBINATIONS))
    rng.shuffle(combinations)
    for member in range(size):
        facts = {key_id: choices[0] for key_id, choices in options.items()}
        yield facts | dict(zip(axes, combinations[member % len(combinations)], strict=True))


def _recipe(
    category: Category, line: Line, family: str, facts: dict[str, tuple[Fact, ...]], member: int, size: int
) -> Recipe:
    for key in category.keys:
        if key.kind == "identifier":
            facts[key.key_id] = (identifier_fact(category, key, line, f"{family}:{member}", family),)
    title_locale, text_locale = {
        "en": ("en", "en"),
        "zh": ("zh", "zh"),
        "mix": ("zh", "en"),
        "mix2": ("en", "zh"),
    }[line.locale]
    # `skus` tells `write` whether there are siblings that what varies must be told apart from.
    told = replace(line, skus=max(2, size))
    return Recipe(category, told, family, facts, title_locale, text_locale, False, 0)


def _reworded(draft: Draft, recipe: Recipe, member: int) -> Draft:
    """The draft under a title of its own words. A title that states fewer keys leaves them to the description, if at all."""
    rng = Random(f"title:{recipe.family}:{member}")
    category = recipe.category
    phrases = category.zh if recipe.title_locale == "zh" else category.en
    have = frozenset(recipe.facts)
    template = pick(phrases.titles, have, frozenset(category.vary) & have, rng)
    keys = {key.key_id: key for key in category.keys}
    title, said = fill(
        template, keys, recipe.facts, recipe.title_locale, "title", f"{recipe.family}:{rng.random()}"
    )
    rest: list[Statement] = [one for one in draft.statements if one.field != "title"]
    return Draft({**draft.row, "title": title}, draft.category, said + rest, draft.notes)


def write_set(config: FamilyConfig, folder: Path) -> dict[str, float]:
    """Write the families as an evaluation set of the interchange form, and say what they are like."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ONTOLOGY, folder / "ontology", dirs_exist_ok=True)
    shares, items, pairs, stated = [], 0, 0, 0
    with (
        (folder / "listings.jsonl").open("w", encoding="utf-8") as listings,
        (folder / "gold.jsonl").open("w", encoding="utf-8") as gold,
    ):
        for family in families(config):
            shares.append(shared_share([draft.row for draft in family]))
            for draft in family:
                rows = gold_rows(draft)
                items, pairs, stated = (
                    items + 1,
                    pairs + len(rows),
                    stated + sum(bool(row["values"]) for row in rows),
                )
                listings.write(json.dumps(draft.row, ensure_ascii=False) + "\n")
                gold.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    shared = sum(shares) / len(shares) if shares else 1.0
    return {"items": items, "pairs": pairs, "stated_pairs": stated, "shared_share": round(shared, 3)}


def main(arguments: list[str]) -> int:
    """Write an evaluation set of families."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", type=int, required=True)
    parser.add_argument("--size", type=int, default=8, help="SKUs a family; 1: items without an SPU")
    parser.add_argument("--seed", default="families 1")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of ontology/, listings.jsonl and gold.jsonl"
    )
    options = parser.parse_args(arguments)
    try:
        made = write_set(FamilyConfig(options.families, options.size, options.seed), options.out)
    except ValueError as error:
        parser.error(str(error))
    print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
