"""Training requests of the extraction family (paper section 3.2.2 (1)): open reading of keys and words, and targeted filling.

What is to be said are words of the text; code makes values of them (`sft_surfaces.value_of`).
"""

from __future__ import annotations

import random

from pipelines.library.keys import KeyView
from pipelines.models.sft_item import TrainingItem, question_of, share_of_none
from pipelines.models.sft_keys import foreign_keys, item_keys
from pipelines.models.sft_recognition import within
from pipelines.models.tasks import Request, SftConfig
from udfs.prompts import MOST_KEYS
from udfs.prompts_tasks import ASK_KEY_VALUES, ASK_KEYS, ask_value, key_label
from udfs.replies_tasks import write_key_values, write_keys, write_values

MOST_FOREIGN = 3


def key_requests(item: TrainingItem, rnd: random.Random, cfg: SftConfig) -> list[Request]:
    """Key discovery: which attributes does the item state, in the order of its text."""
    stated = _named(item)
    ids = tuple(key.key.key_id for key, _ in stated.values())
    return [Request(ASK_KEYS, write_keys(list(stated)), ids)] if stated else []


def key_value_requests(item: TrainingItem, rnd: random.Random, cfg: SftConfig) -> list[Request]:
    """Open extraction: attributes with the words that state them."""
    stated = _named(item)
    reply = write_key_values({name: words for name, (_, words) in stated.items()})
    ids = tuple(key.key.key_id for key, _ in stated.values())
    words = {key.key.key_id: words for key, words in stated.values()}
    return [Request(ASK_KEY_VALUES, reply, ids, words=words)] if stated else []


def value_requests(item: TrainingItem, rnd: random.Random, cfg: SftConfig) -> list[Request]:
    """Targeted filling: the words that state one key, a request a key; `none_share` of the keys have none."""
    found = item_keys(item)
    absent = list(found.unstated)
    wanted = cfg.none_share / (1 - cfg.none_share) * len(found.stated)
    if len(absent) < wanted:
        absent += foreign_keys(item, min(MOST_FOREIGN, round(wanted) - len(absent)), rnd)
    more, _ = share_of_none(len(found.stated), len(absent), cfg.none_share, rnd)
    asked = [*found.stated, *((key, ()) for key in rnd.sample(absent, more))]
    rnd.shuffle(asked)
    return within(item, [_value_request(item, key, words) for key, words in asked], cfg)


def _value_request(item: TrainingItem, key: KeyView, words: tuple[str, ...]) -> Request:
    name, key_id = key.key.name, key.key.key_id
    prompt = ask_value(question_of(key, (), item.several(key) or len(words) > 1))
    return Request(prompt, write_values(name, words), (key_id,), words={key_id: words})


def _named(item: TrainingItem) -> dict[str, tuple[KeyView, tuple[str, ...]]]:
    """Stated keys by the name that a reply gives them; of two with one name, the first."""
    named: dict[str, tuple[KeyView, tuple[str, ...]]] = {}
    for key, words in item_keys(item).stated[:MOST_KEYS]:
        named.setdefault(key_label(key.key.name), (key, words))
    return named
