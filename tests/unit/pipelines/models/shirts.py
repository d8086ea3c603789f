"""A small labelled set: shirts and lamps, whose words, rules and gaps are known."""

from __future__ import annotations

from collections import defaultdict

from pipelines.models.labelled import LabelledSet, PseudoLabels, labelled_set
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from schemas.listing import Listing
from schemas.ontology import AttributeKey, Category, Normalization

COLORS = ("red", "blue", "green", "black", "white")
MATERIALS = ("cotton", "linen", "wool", "steel")
POWERS = ("5", "10", "15", "20", "25", "30")
HELD_OUT = frozenset(f"item-{number}" for number in range(0, 60, 5))
TO_CM = Normalization("Unit Conversion", "Convert to centimeters (cm), rounded to one decimal place.")


def shirts_with(gold_left_out: int = 0, pseudo: PseudoLabels | None = None) -> LabelledSet:
    """60 shirts: a color, at times two materials, a length in inches; size never. And lamps. A fifth is held out."""
    listings, gold = [], {}
    for n in range(60):
        item_id, color, material = f"item-{n}", COLORS[n % 5], MATERIALS[n % 4]
        both = [material, MATERIALS[(n + 1) % 4]] if n % 3 == 0 else [material]
        said = ["stainless" if one == "steel" else one for one in both]
        title = f"{color} shirt of {' and '.join(said)}, secret{n}"
        about = f"Length {20 + n} inches; for every day." if n % 2 else ""
        listings.append(Listing(item_id, title, about, category_id="shirt"))
        length = [f"{(20 + n) * 2.54:.1f}"] if n % 2 else []
        gold[item_id] = {"color": [color], "material": both, "size": [], "length": length}
    for n in range(gold_left_out):
        del gold[f"item-{n}"]
    keys = [
        AttributeKey("shirt", "color", "Color", value_kind="enumerated"),
        AttributeKey("shirt", "material", "Material", value_kind="enumerated"),
        AttributeKey("shirt", "size", "Size", value_kind="enumerated"),
        AttributeKey("shirt", "length", "Length", value_kind="measure", normalization=TO_CM),
        AttributeKey("lamp", "power", "Power", value_kind="enumerated"),
    ]
    links: dict[str, list[CategoryKey]] = defaultdict(list)
    for key in keys:
        links[key.category_id].append(CategoryKey(key, key.key_id))
    for n, power in enumerate(POWERS):
        gold[f"lamp-{n}"] = {"power": [f"{power} watt"]}
        listings.append(Listing(f"lamp-{n}", f"Lamp of {power} watt", category_id="lamp"))
    sets = {
        "color": ValueSet("color", "Color", tuple(Value(f"c{i}", text, 1) for i, text in enumerate(COLORS))),
        "material": ValueSet("material", "Material", (Value("m", "steel", 1, ("stainless",)),)),
        "size": ValueSet("size", "Size", (Value("s", "XL", 1),)),
        "length": ValueSet("length", "Length", ()),
        "power": ValueSet("power", "Power", ()),
    }
    categories = {"shirt": Category("shirt", "Shirt"), "lamp": Category("lamp", "Lamp")}
    snapshot = Snapshot("v1", categories, {one: tuple(found) for one, found in links.items()}, sets)
    return labelled_set("shirts", snapshot, listings, gold, HELD_OUT, pseudo)
