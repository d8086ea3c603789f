"""Builds the demo catalog: `python -m infra.demo.build_catalog` writes it, `--check` says whether it is up to date."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import zip_longest
from pathlib import Path
from random import Random

from infra.demo.catalog_files import catalog_files
from infra.demo.dirt import soil_item, soil_title
from infra.demo.family import Recipe, recipes, with_facts, write
from infra.demo.hostile import ATTACKS, attack
from infra.demo.model import Draft, Fact
from infra.demo.tree import LEAVES

CATALOG = Path(__file__).parent / "catalog"
SEED = "demo catalog 1"
DUPLICATES = 10
UPDATES = 17


@dataclass(frozen=True, slots=True)
class Catalog:
    """The finished catalog: listings in file order, and their later updates."""

    drafts: list[Draft]
    updates: list[Draft]

    def files(self) -> dict[str, bytes]:
        """Every generated file, by its name below the catalog folder."""
        return catalog_files(self.drafts, self.updates)


def families() -> list[list[Recipe]]:
    """All product lines as SKU recipes, one line of each category in turn."""
    columns = [
        [recipes(leaf, line, f"{leaf.category_id}:{line.code}") for line in leaf.lines] for leaf in LEAVES
    ]
    return [family for row in zip_longest(*columns) for family in row if family]


def event_time(rng: Random, locale: str, first_day: int, last_day: int) -> str:
    """A moment of 2026 with zone; days count from 1 January."""
    zone = (
        timezone(timedelta(hours=8)) if locale == "zh" else rng.choice((UTC, timezone(timedelta(hours=-5))))
    )
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
        days=rng.randrange(first_day, last_day), seconds=rng.randrange(86_400)
    )
    return moment.astimezone(zone).isoformat().replace("+00:00", "Z")


def listing(recipe: Recipe, item_id: str, spu_id: str | None, number: int) -> Draft:
    """A clean listing with all its fields, in the order of the contract."""
    draft = write(recipe)
    rng = Random(f"{SEED}:{item_id}")
    locale = recipe.title_locale
    row: dict[str, object] = {
        "item_id": item_id,
        "spu_id": spu_id,
        "category_id": recipe.category.category_id,
        **draft.row,
    }
    if rng.random() < 0.4:
        row["image_urls"] = [
            f"https://img.example.com/{item_id}/{shot}.jpg" for shot in range(1, rng.randint(2, 4))
        ]
    if rng.random() < 0.9:
        row["price"] = round(recipe.line.price * (1 + 0.07 * number), 2)
    if rng.random() < 0.3:
        brand = recipe.facts["brand"][0]
        row["brand"] = brand.en[0]
    row["locale"] = locale
    row["event_time"] = event_time(rng, locale, 5, 270)
    if rng.random() < 0.05:
        row["priority"] = rng.choice(("star", "emerging", "stable"))
    draft.row = row
    return draft


def build() -> Catalog:
    """Build the whole catalog; the same code gives the same catalog."""
    made: list[tuple[Draft, Recipe]] = []
    for number, family in enumerate(families()):
        spu_id = f"demo-spu-{number + 1:03d}" if len(family) > 1 else None
        for index, recipe in enumerate(family):
            draft = listing(recipe, f"demo-{len(made) + 1:04d}", spu_id, index)
            soil_title(draft, recipe)
            soil_item(draft, recipe, Random(f"{SEED}:soil:{len(made)}"))
            made.append((draft, recipe))
    originals = [draft for draft, _ in made]
    attack_some([draft for draft in originals if draft.row["spu_id"] is None])
    doubles = duplicates(originals)
    return Catalog(originals + doubles, updates(made, doubles))


def attack_some(singles: list[Draft]) -> None:
    """Put every attack on one single item each. Errors: ValueError when there are fewer items than attacks."""
    with_text = [draft for draft in singles if draft.text("description")]
    if len(with_text) < len(ATTACKS):
        raise ValueError(f"{len(ATTACKS)} attacks need as many single items, there are {len(with_text)}")
    chosen = Random(f"{SEED}:hostile").sample(with_text, len(ATTACKS))
    for draft, one in zip(chosen, ATTACKS, strict=True):
        attack(draft, one)


def duplicates(originals: list[Draft]) -> list[Draft]:
    """The same text under another item id, as when two shops list one product."""
    rng = Random(f"{SEED}:duplicates")
    clean = [draft for draft in originals if not any(note.startswith("hostile") for note in draft.notes)]
    doubles = []
    for number, draft in enumerate(rng.sample(clean, DUPLICATES)):
        item_id = f"demo-d{number + 1:03d}"
        row = {**draft.row, "item_id": item_id, "spu_id": None}
        row.pop("image_urls", None)
        if isinstance(row.get("price"), float):
            row["price"] = round(float(str(row["price"])) * 1.1, 2)
        row["event_time"] = event_time(rng, str(row["locale"]), 200, 270)
        notes = [*draft.notes, f"duplicate of {draft.row['item_id']}"]
        doubles.append(Draft(row, draft.category, list(draft.statements), notes))
    return doubles


def updates(made: list[tuple[Draft, Recipe]], doubles: list[Draft]) -> list[Draft]:
    """Later states of some items: other facts or prices, one deletion, one redelivery, and one that comes too late."""
    rng = Random(f"{SEED}:updates")
    plain = [number for number, (draft, _) in enumerate(made) if not draft.notes and draft.row["spu_id"]]
    chosen = sorted(rng.sample(plain, UPDATES))
    changed = [_changed(*made[number], rng) for number in chosen]
    stale = changed.pop()
    stale.row["event_time"] = "2026-01-02T09:00:00Z"
    stale.notes.append("late")
    gone = doubles[0]
    deleted = Draft(
        {**gone.row, "event_time": event_time(rng, "en", 280, 300), "is_deleted": True},
        gone.category,
        [],
        ["deletion"],
    )
    again = Draft(dict(changed[0].row), changed[0].category, list(changed[0].statements), ["redelivery"])
    return [*changed, deleted, stale, again]


def _changed(before: Draft, recipe: Recipe, rng: Random) -> Draft:
    """The item with one other fact where its title states a changeable one, otherwise with another price."""
    titled = {said.key_id for said in before.statements if said.field == "title"}
    keys = [
        k
        for k in recipe.category.keys
        if k.kind == "enumerated" and not k.multi and k.key_id in titled - {"brand"}
    ]
    changes: dict[str, tuple[Fact, ...]] = {}
    if keys:
        key = rng.choice(keys)
        changes[key.key_id] = (
            rng.choice([fact for fact in key.facts if fact not in recipe.facts[key.key_id]]),
        )
    item_id, spu_id = str(before.row["item_id"]), str(before.row["spu_id"])
    after = listing(with_facts(recipe, changes), item_id, spu_id, 0)
    soil_title(after, recipe)
    after.row["event_time"] = event_time(rng, str(after.row["locale"]), 275, 300)
    after.row["price"] = round(recipe.line.price * 0.9, 2)
    after.notes.append("changed: " + ", ".join(changes or ["price"]))
    return after


def write_files(folder: Path) -> dict[str, int]:
    """Write every generated file below a folder; returns their sizes in bytes."""
    files = build().files()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return {name: len(content) for name, content in files.items()}


def differing(folder: Path) -> list[str]:
    """The generated files that are absent or differ from what the builder makes."""
    made = build().files()
    return [
        name
        for name, content in made.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != content
    ]


def main(arguments: list[str]) -> int:
    """Write the catalog, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a committed file is out of date"
    )
    parser.add_argument("--folder", type=Path, default=CATALOG, help="where the files go")
    options = parser.parse_args(arguments)
    if options.check:
        stale = differing(options.folder)
        print(
            "\n".join(f"out of date: {name}; run python -m infra.demo.build_catalog" for name in stale)
            or "up to date"
        )
        return 1 if stale else 0
    for name, size in write_files(options.folder).items():
        print(f"{size:>9,} bytes  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
