"""From a product line to its SKUs: which facts each has, and the draft listing that states them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from random import Random

from infra.demo.fillers import ATTRIBUTE_FILLERS, FILLERS
from infra.demo.model import Category, Draft, Fact, Key, Line, Statement, fact_for, read_fact
from infra.demo.render import Facts, cased, cover, fill, joined, pick, slots, spelling

STATED_SHARE = 0.82
ATTRIBUTES_SHARE = 0.55
SPEC_LIST_SHARE = 0.3
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a draft is made from; the same recipe gives the same text."""

    category: Category
    line: Line
    family: str
    facts: Facts
    title_locale: str
    text_locale: str
    html: bool
    number: int


def upc(brand: str, sku: str) -> str:
    """A 12-digit UPC with a right check digit; digits 2 to 6 depend on the brand alone.

    >>> len(upc("Nordlund", "a"))
    12
    """
    maker = Random(f"maker:{brand}").randrange(10_000, 99_999)
    digits = f"0{maker}{Random(f'upc:{sku}').randrange(10_000, 99_999)}"
    odd, even = sum(map(int, digits[::2])), sum(map(int, digits[1::2]))
    return digits + str(-(3 * odd + even) % 10)


def identifier_fact(category: Category, key: Key, line: Line, sku: str, family: str) -> Fact:
    """The SKU's own number as written (marks and all) and as the ontology's rule cleans it."""
    if key.key_id == "retail_upc":
        raw = upc(line.brand, sku)
        if Random(f"upc style:{family}").random() < 0.4:
            raw = f"{raw[0]} {raw[1:6]} {raw[6:11]} {raw[11]}"
    else:
        rng = Random(f"code:{sku}")
        letters = "".join(rng.choice(LETTERS) for _ in range(2))
        raw = category.code_style.format(code=line.code, digits=rng.randrange(100, 999), letters=letters)
    text = key.norm.apply(raw, "") if key.norm else raw
    return Fact(text, (raw,), (raw,))


def line_facts(category: Category, line: Line, family: str) -> dict[str, list[tuple[Fact, ...]]]:
    """Per key the alternatives of a line: what the line says, or a draw from the key's own facts.

    Errors: KeyError for a key that the category lacks, ValueError for a value that the key lacks.
    """
    told = dict(part.strip().rstrip("!").split("=", 1) for part in line.facts.split(";") if part.strip())
    for key_id in told:
        category.key(key_id)
    options: dict[str, list[tuple[Fact, ...]]] = {}
    for key in category.keys:
        if key.key_id == "brand":
            options["brand"] = [(fact_for(key, line.brand),)]
        elif key.key_id == category.name_key and line.name:
            options[key.key_id] = [(read_fact(line.name),)]
        elif key.key_id in told:
            choices = [choice.strip() for choice in told[key.key_id].split(",")]
            options[key.key_id] = [
                tuple(fact_for(key, value.strip()) for value in choice.split("+"))
                for choice in choices
                if choice != "-"
            ]
        elif key.facts:
            options[key.key_id] = _drawn(category, key, Random(f"draw:{family}:{key.key_id}"))
    return {key_id: choices for key_id, choices in options.items() if choices}


def always_stated(line: Line) -> frozenset[str]:
    """Keys that the line's name hints at, so that the text must state them (marked `!`)."""
    return frozenset(
        part.split("=")[0].strip() for part in line.facts.split(";") if part.strip().endswith("!")
    )


def _drawn(category: Category, key: Key, rng: Random) -> list[tuple[Fact, ...]]:
    if key.key_id in category.vary:
        return [(fact,) for fact in rng.sample(key.facts, min(4, len(key.facts)))]
    size = rng.choice((1, 2, 2, 3)) if key.multi else 1
    return [tuple(rng.sample(key.facts, min(size, len(key.facts))))]


def recipes(category: Category, line: Line, family: str) -> list[Recipe]:
    """The SKUs of a line: the product of what varies, cut to the line's number, plus its identifiers.

    Errors: ValueError when the line cannot vary enough.
    """
    options = line_facts(category, line, family)
    axes = [key_id for key_id in category.vary if len(options.get(key_id, [])) > 1]
    combos = list(product(*(options[key_id] for key_id in axes)))
    if len(combos) < line.skus:
        raise ValueError(f"{category.category_id} {line.name}: {len(combos)} variants, {line.skus} wanted")
    rng = Random(f"variants:{family}")
    chosen = sorted(rng.sample(range(len(combos)), line.skus))
    html = rng.random() < 0.16
    title_locale, text_locale = {
        "en": ("en", "en"),
        "zh": ("zh", "zh"),
        "mix": ("zh", "en"),
        "mix2": ("en", "zh"),
    }[line.locale]
    made = []
    for number, index in enumerate(chosen):
        facts = {key_id: choices[0] for key_id, choices in options.items()}
        facts.update(zip(axes, combos[index], strict=True))
        for key in category.keys:
            if key.kind == "identifier":
                facts[key.key_id] = (identifier_fact(category, key, line, f"{family}:{number}", family),)
        made.append(Recipe(category, line, family, facts, title_locale, text_locale, html, number))
    return made


def write(recipe: Recipe) -> Draft:
    """Write the listing of a recipe: title, description and merchant attributes, with their statements."""
    category, line, family = recipe.category, recipe.line, recipe.family
    keys = {key.key_id: key for key in category.keys}
    have = frozenset(recipe.facts)
    varied = frozenset(category.vary) & have if line.skus > 1 else frozenset()
    phrases = category.zh if recipe.title_locale == "zh" else category.en
    template = pick(phrases.titles, have, varied, Random(f"title:{family}"))
    title, said = fill(template, keys, recipe.facts, recipe.title_locale, "title", f"{family}:title")
    forced = (varied | always_stated(line)) - slots(template)
    description, more = describe(recipe, keys, forced)
    attributes, extra = merchant_attributes(recipe, keys)
    row: dict[str, object] = {"title": title, "description": description, "attributes": attributes}
    return Draft(row, category, said + more + extra)


def describe(recipe: Recipe, keys: dict[str, Key], forced: frozenset[str]) -> tuple[str, list[Statement]]:
    """The description: an opening, sentences over most of the facts or a list of them, a closing."""
    rng = Random(f"describe:{recipe.family}")
    locale = recipe.text_locale
    phrases = recipe.category.zh if locale == "zh" else recipe.category.en
    if rng.random() < 0.03 and not forced:
        return "", []
    have = sorted(recipe.facts)
    wanted = frozenset(key_id for key_id in have if rng.random() < STATED_SHARE) | forced
    templates = cover(phrases.sentences, wanted, rng)
    as_list = rng.random() < SPEC_LIST_SHARE
    if as_list:
        templates = templates[: max(2, len(templates) // 2)]
    missing = wanted if as_list else forced
    listed = sorted(missing - frozenset().union(*map(slots, templates)) - {"brand"})
    labels = [
        f"{_label(keys[key_id], locale, rng)}{'：' if locale == 'zh' else ': '}{{{key_id}}}"
        for key_id in listed
    ]
    rng.shuffle(labels)
    opening = rng.choice(phrases.intros)
    opening = opening if slots(opening) <= recipe.facts.keys() else ""
    own = Random(f"own words:{recipe.family}:{recipe.number}")
    ending = rng.sample(phrases.outros + FILLERS[locale], 2)
    ending += [text for text in own.sample(FILLERS[locale], own.randint(0, 1)) if text not in ending]
    said: list[Statement] = []
    blocks: list[list[str]] = []
    for block in ([opening, *templates], labels, ending):
        blocks.append([])
        for text in filter(None, block):
            filled, found = fill(
                text, keys, recipe.facts, locale, "description", f"{recipe.family}:description"
            )
            blocks[-1].append(filled)
            said += found
    return _layout(blocks, locale, recipe.html, rng), said


def _label(key: Key, locale: str, rng: Random) -> str:
    chinese = [name for name in key.synonyms if not name.isascii()]
    english = [name for name in key.synonyms if name.isascii()]
    if locale == "zh":
        return rng.choice(chinese)
    chosen = rng.choice([key.name, *english])
    return chosen[:1].upper() + chosen[1:]


def _layout(blocks: list[list[str]], locale: str, html: bool, rng: Random) -> str:
    prose, listed, ending = blocks
    if not html:
        gap = "" if locale == "zh" else " "
        lines = rng.choice(("\n", " | ", "; ")) if locale != "zh" else rng.choice(("\n", "；", " "))
        parts = [gap.join(prose), lines.join(listed), gap.join(ending)]
        return "\n".join(part for part in parts if part)
    escape = [[_escaped(text) for text in block] for block in blocks]
    prose, listed, ending = escape
    bullets = "".join(f"<li>{text}</li>" for text in listed)
    tag = rng.choice(("p", "div", 'p style="margin:0"'))
    body = "".join(f"<{tag}>{text}</{tag.split()[0]}>" for text in prose)
    return body + (f"<ul>{bullets}</ul>" if bullets else "") + f"<br/>{'&nbsp;'.join(ending)}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace("'", "&#39;")


def merchant_attributes(recipe: Recipe, keys: dict[str, Key]) -> tuple[dict[str, str], list[Statement]]:
    """The merchant's own attributes, named the merchant's way; some families have none."""
    rng = Random(f"attributes:{recipe.family}")
    locale = recipe.text_locale
    if rng.random() > ATTRIBUTES_SHARE:
        return {}, []
    pool = sorted(recipe.facts)
    found: dict[str, str] = {}
    said: list[Statement] = []
    for key_id in rng.sample(pool, min(len(pool), rng.randint(2, 6))):
        key, label = keys[key_id], _label(keys[key_id], locale, rng)
        if label in found:
            continue
        field = f"attributes.{label}"
        surfaces = [
            cased(key, spelling(key, fact, locale, None, f"{recipe.family}:a"), True)
            for fact in recipe.facts[key_id]
        ]
        found[label] = joined(surfaces, locale, True)
        for fact, surface in zip(recipe.facts[key_id], surfaces, strict=True):
            implied = surface.casefold() in {word.casefold() for word in fact.implying}
            said.append(Statement(key_id, field, surface, (fact.text,), implied))
    for label, value in rng.sample(ATTRIBUTE_FILLERS[locale], rng.randint(0, 2)):
        found.setdefault(label, value)
    return found, said


def with_facts(recipe: Recipe, changes: dict[str, tuple[Fact, ...]]) -> Recipe:
    """The same SKU with other facts."""
    return replace(recipe, facts={**recipe.facts, **changes})
