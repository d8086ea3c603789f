"""The dirt of real shops, put on clean drafts: what it changes is text around the facts, never the facts."""

from __future__ import annotations

import html
import unicodedata
from random import Random

from infra.demo.family import Recipe
from infra.demo.fillers import JUNK_VALUES, TITLE_PREFIXES, TITLE_SUFFIXES
from infra.demo.model import Draft, Key
from infra.demo.render import cased

NO_CATEGORY_SHARE = 0.075
CONTRADICTION_SHARE = 0.07
FULL_WIDTH_SHARE = 0.05
CAPITALS_SHARE = 0.05
DECORATED_SHARE = 0.16
JUNK_SHARE = 0.06


def comparable(text: str) -> str:
    """Text as a reader sees it: entities resolved, full-width folded, case folded; for comparing words with text."""
    return unicodedata.normalize("NFKC", html.unescape(text)).casefold()


def full_width(text: str) -> str:
    """Latin letters and digits in their full-width forms, as some Chinese input methods type them.

    >>> [hex(ord(char)) for char in full_width("5G")]
    ['0xff15', '0xff27']
    """
    return "".join(chr(ord(char) + 0xFEE0) if char.isascii() and char.isalnum() else char for char in text)


def soil_title(draft: Draft, recipe: Recipe) -> None:
    """Decorate a family's title, or shout it, or type it in full-width letters."""
    locale = recipe.title_locale
    rng = Random(f"soil:{recipe.family}")
    title = draft.text("title")
    if rng.random() < DECORATED_SHARE:
        parts = TITLE_PREFIXES[locale] + TITLE_SUFFIXES[locale]
        ornament = rng.choice(parts)
        title = ornament + title if ornament in TITLE_PREFIXES[locale] else title + ornament
        draft.notes.append("decorated title")
    elif locale == "en" and rng.random() < CAPITALS_SHARE:
        title = title.upper()
        draft.notes.append("capital letters")
    elif locale == "zh" and rng.random() < FULL_WIDTH_SHARE * 2:
        title = full_width(title)
        draft.notes.append("full-width letters")
    draft.row["title"] = title
    if recipe.html and draft.text("description"):
        draft.notes.append("html description")


def soil_item(draft: Draft, recipe: Recipe, rng: Random) -> None:
    """Per SKU: a category left out, a merchant attribute that contradicts the text, a value that says nothing."""
    if rng.random() < NO_CATEGORY_SHARE:
        draft.row["category_id"] = None
        draft.notes.append("category missing")
    if rng.random() < CONTRADICTION_SHARE:
        contradict(draft, recipe, rng)
    if rng.random() < JUNK_SHARE:
        add_junk(draft, recipe, rng)


def contradict(draft: Draft, recipe: Recipe, rng: Random) -> None:
    """Give a key that the title or description states another value in the merchant attributes."""
    prose = {said.key_id for said in draft.statements if not said.field.startswith("attributes.")}
    keys = [
        k
        for k in draft.category.keys
        if k.kind == "enumerated" and not k.multi and k.key_id in prose and len(k.facts) > 1
    ]
    if not keys:
        return
    key = rng.choice([k for k in keys if k.key_id != "brand"] or keys)
    true = {value for said in draft.statements if said.key_id == key.key_id for value in said.values}
    wrong = rng.choice([fact for fact in key.facts if fact.text not in true])
    own = [
        said
        for said in draft.statements
        if said.key_id == key.key_id and said.field.startswith("attributes.")
    ]
    draft.statements = [said for said in draft.statements if said not in own]
    label = own[0].field.removeprefix("attributes.") if own else _label(key, recipe)
    words = wrong.zh[0] if recipe.text_locale == "zh" else cased(key, wrong.en[0], True)
    attributes = draft.row["attributes"]
    if isinstance(attributes, dict):
        attributes[label] = words
    draft.notes.append(f"contradiction: {key.key_id}")


def add_junk(draft: Draft, recipe: Recipe, rng: Random) -> None:
    """A merchant attribute that names a key but says nothing."""
    stated = {said.key_id for said in draft.statements}
    silent = [key for key in draft.category.keys if key.key_id not in stated]
    attributes = draft.row["attributes"]
    if silent and isinstance(attributes, dict):
        attributes[_label(rng.choice(silent), recipe)] = rng.choice(JUNK_VALUES[recipe.text_locale])
        draft.notes.append("empty attribute")


def _label(key: Key, recipe: Recipe) -> str:
    chinese = [name for name in key.synonyms if not name.isascii()]
    return chinese[0] if recipe.text_locale == "zh" else key.name
