"""Keys of one item by what its labels say of them: stated in words, implied, not stated, or of quite another category."""

from __future__ import annotations

import random
from dataclasses import dataclass

from pipelines.library.keys import KeyView
from pipelines.models.sft_item import TrainingItem
from pipelines.models.sft_surfaces import stated_words, surfaces
from pipelines.models.tasks import Asked, Request, SftConfig
from udfs.prompts_tasks import judge_keys, key_label, keys_question
from udfs.replies import MOST_VALUES, write_reply
from udfs.replies_tasks import find_words
from udfs.tokens import match_form

MOST_WRONG = 5
MOST_FOREIGN = 3
TRIES = 12
KNOWN_ENOUGH = 5


@dataclass(frozen=True, slots=True)
class ItemKeys:
    """Labelled keys of an item.

    `stated`: with the words that state every one of their values, in the order of the text. `implied`: true without words
    that code could convert. `unstated`: labelled as not stated. Keys stated only where no prompt shows it are in none.
    """

    stated: tuple[tuple[KeyView, tuple[str, ...]], ...]
    implied: tuple[KeyView, ...]
    unstated: tuple[KeyView, ...]


def item_keys(item: TrainingItem) -> ItemKeys:
    """Sort an item's labelled keys."""
    stated: list[tuple[int, KeyView, tuple[str, ...]]] = []
    implied, unstated = [], []
    for position, key in enumerate(item.view.keys):
        gold = item.gold.get(key.key.key_id)
        if gold is None:
            continue
        words = stated_words(item.text, item.view, position, gold, item.shown) if gold else None
        if not gold:
            unstated.append(key)
        elif words:
            stated.append((_place(item, words[0]), key, words))
        elif not any(any(surfaces(item.text, item.view, position, value)) for value in gold):
            implied.append(key)
    ordered = sorted(stated, key=lambda found: found[0])
    return ItemKeys(tuple((key, words) for _, key, words in ordered), tuple(implied), tuple(unstated))


def key_requests(item: TrainingItem, rnd: random.Random, cfg: SftConfig) -> list[Request]:
    """Which of the offered keys does the item state. Wrong keys: not stated, a few of another category."""
    found = item_keys(item)
    true = [key for key, _ in found.stated] + list(found.implied)
    requests = []
    for _ in range(rnd.choice((1, 2))):
        silent = not true or rnd.random() < cfg.none_share
        right = [] if silent else rnd.sample(true, rnd.randint(1, min(len(true), MOST_VALUES)))
        room = rnd.randint(1, MOST_WRONG)
        wrong = rnd.sample(found.unstated, min(room, len(found.unstated)))
        wrong += foreign_keys(item, min(MOST_FOREIGN, room - len(wrong)), rnd)
        made = _key_request(right, wrong, rnd)
        if made is not None:
            requests.append(made)
    return requests


def foreign_keys(item: TrainingItem, most: int, rnd: random.Random) -> list[KeyView]:
    """Keys of other categories of which the item gives no sign: other names, and none of their values in the text.

    Keys whose values cannot be told from the text by what is known of them are never taken.
    """
    views = item.labelled.views
    others = [one for one in views.snapshot.categories if one != item.view.category_id]
    known = {name for key in item.view.keys for name in key.names}
    forms = {form for form, _, _ in item.text.grams}
    found: dict[str, KeyView] = {}
    for _ in range(TRIES if others else 0):
        if len(found) >= most:
            break
        other = views.of(rnd.choice(others))
        if not other.keys:
            continue
        position = rnd.randrange(len(other.keys))
        key = other.keys[position]
        named = known & key.names or forms & key.names
        unclear = key.rule.computes or key.key.value_kind == "identifier" or len(key.values) < KNOWN_ENOUGH
        if (
            named
            or unclear
            or any(owner == position for f in forms for owner, _ in other.surfaces.get(f, ()))
        ):
            continue
        found.setdefault(match_form(key.key.name), key)
    return list(found.values())[: max(0, most)]


def _key_request(right: list[KeyView], wrong: list[KeyView], rnd: random.Random) -> Request | None:
    """One request; None where every offered key would be stated, which would teach to say yes."""
    offered = {key_label(key.key.name): (key, True) for key in right}
    for key in wrong:
        offered.setdefault(key_label(key.key.name), (key, False))
    mixed = list(offered.values())
    if all(is_true for _, is_true in mixed):
        return None
    rnd.shuffle(mixed)
    question = keys_question([(key.key.name, key.key.description) for key, _ in mixed])
    choice = tuple(number for number, (_, is_true) in enumerate(mixed) if is_true)
    ids = tuple(key.key.key_id for key, _ in mixed)
    return Request(judge_keys(question), write_reply([question], [choice]), ids, (Asked(question, choice),))


def _place(item: TrainingItem, words: str) -> int:
    """Where words stand in what a prompt shows, the own text after the shared one."""
    found = find_words(words, item.shown)
    return 0 if found is None else found.start + found.part * len(item.shown[0])
