"""What the benchmark of the tunnel sends: events of the demo catalog in the mix that issue and report state.

70 % of the events change no text (a price), 25 % change some words, 5 % are new items. Of the changes of words two fifths
put another seller's note before the description, two fifths take over the words of another listing of the category, one
fifth goes back to a text that the item had before. Each new text carries a word of its own, so that what the model
servers are asked can be told apart. Everything follows from a seed.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "infra/demo/catalog"
PRICE, WORDS, NEW = "price", "words", "new"
BLOCK = (PRICE,) * 14 + (WORDS,) * 5 + (NEW,)
NOTE, REWRITTEN, BACK = "note", "rewritten", "back"
WORD_CHANGES = (NOTE, NOTE, REWRITTEN, REWRITTEN, BACK)
TEXT_FIELDS = ("title", "description", "attributes", "brand")
TRANSIENT_EACH = (1, 2)
"""Transient states before a lasting one, in turn: three of five events."""
_LETTERS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r"), ("a", "e", "i", "o", "u")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: when it is due (s after the start), what it changes, its listing, and the word that its text carries.

    `is_seen`: whether its text is another one than before, so that its answers must appear in the lookup service.
    """

    due_s: float
    kind: str
    listing: dict[str, Any]
    word: str
    is_seen: bool
    is_transient: bool = False

    @property
    def item_id(self) -> str:
        """Its item."""
        return str(self.listing["item_id"])


def catalog() -> list[dict[str, Any]]:
    """The demo catalog's listings of a known category, without time and importance."""
    lines = (CATALOG / "listings.jsonl").read_text("utf-8").splitlines()
    found = [{"brand": None, **json.loads(line)} for line in lines]
    return [
        {name: value for name, value in one.items() if name not in ("event_time", "priority", "item_id")}
        for one in found
        if one.get("category_id")
    ]


def own_word(number: int) -> str:
    """A word that no listing has.

    >>> own_word(0), own_word(1234)
    ('zubababa', 'zubakiko')
    """
    consonants, vowels = _LETTERS
    word = ""
    for _ in range(3):
        number, rest = divmod(number, len(consonants) * len(vowels))
        word = consonants[rest % len(consonants)] + vowels[rest // len(consonants)] + word
    return f"zu{word}"


class Items:
    """Items in the making: their present state and the texts that they had. `priority`: of all of them."""

    def __init__(self, prefix: str, priority: str | None, seed: int = 7) -> None:
        self._prefix, self._priority, self._rng = prefix, priority, random.Random(seed)
        self._catalog = catalog()
        self._now: dict[str, dict[str, Any]] = {}
        self._texts: dict[str, list[tuple[dict[str, Any], str]]] = {}
        self._words = 0
        self._kinds: list[str] = []
        self._changes: list[str] = []

    @property
    def ids(self) -> list[str]:
        """All items so far."""
        return list(self._now)

    def new(self, due_s: float, is_transient: bool = False) -> Event:
        """A new item, from the next listing of the catalog."""
        number = len(self._now)
        template = self._catalog[number % len(self._catalog)]
        item = f"{self._prefix}-{number:05}"
        state = template | {"item_id": item, "spu_id": f"{self._prefix}-{template.get('spu_id') or number}"}
        self._now[item], self._texts[item] = state | {"priority": self._priority}, []
        return self._noted(due_s, item, NEW, str(template["description"]), is_transient)

    def change(self, due_s: float, item: str, kind: str, is_transient: bool = False) -> Event:
        """A change of an item: its price, or words."""
        if kind == PRICE:
            self._now[item] = self._now[item] | {"price": round(self._rng.uniform(5, 500), 2)}
            return Event(due_s, PRICE, dict(self._now[item]), self._texts[item][-1][1], False, is_transient)
        if not self._changes:
            self._changes = self._rng.sample(WORD_CHANGES, len(WORD_CHANGES))
        how = self._changes.pop()
        earlier = [one for one in self._texts[item] if one[1] != self._texts[item][-1][1]]
        if how == BACK and earlier:
            text, word = self._rng.choice(earlier)
            self._now[item] = self._now[item] | text
            return self._told(due_s, item, WORDS, word, is_transient)
        description = str(self._now[item]["description"]).partition("\n")[2]
        if how == REWRITTEN:
            category = self._now[item]["category_id"]
            other = self._rng.choice([one for one in self._catalog if one["category_id"] == category])
            self._now[item] = self._now[item] | {name: other.get(name) for name in TEXT_FIELDS}
            description = str(other["description"])
        return self._noted(due_s, item, WORDS, description, is_transient)

    def revert(self, due_s: float, item: str, text: dict[str, Any], word: str) -> Event:
        """The item with a text that it had: what was said of it in between was transient."""
        self._now[item] = self._now[item] | text | {"price": round(self._rng.uniform(5, 500), 2)}
        self._texts[item].append((text, word))
        return Event(due_s, PRICE, dict(self._now[item]), word, False)

    def text(self, item: str) -> tuple[dict[str, Any], str]:
        """The item's present text, and its word."""
        return self._texts[item][-1]

    def next_kind(self) -> str:
        """What the next event changes: exactly the mix in every twenty."""
        if not self._kinds:
            self._kinds = self._rng.sample(BLOCK, len(BLOCK))
        return self._kinds.pop()

    def _noted(self, due_s: float, item: str, kind: str, description: str, is_transient: bool) -> Event:
        word = own_word(self._words)
        self._words += 1
        noted = {"description": f"Note from the seller: {word}, sent within a day.\n{description}"}
        self._now[item] = self._now[item] | noted
        return self._told(due_s, item, kind, word, is_transient)

    def _told(self, due_s: float, item: str, kind: str, word: str, is_transient: bool) -> Event:
        state = self._now[item]
        self._texts[item].append(({name: state[name] for name in TEXT_FIELDS}, word))
        return Event(due_s, kind, dict(state), word, True, is_transient)


def first_events(items: Items, number: int, rate: float) -> list[Event]:
    """New items, evenly in time: what is known before the load begins."""
    return [items.new(at / rate) for at in range(number)]


def mixed_events(items: Items, seconds: float, rate: float, seed: int = 11) -> Iterator[Event]:
    """The mix at a rate, spread over all items."""
    rng = random.Random(seed)
    for at in range(int(seconds * rate)):
        kind = items.next_kind()
        yield (items.new(at / rate) if kind == NEW else items.change(at / rate, rng.choice(items.ids), kind))


def transient_events(
    items: Items, seconds: float, rate: float, window_s: float, seed: int = 13
) -> list[Event]:
    """Lasting changes in the mix, each after one or two transient states of its item within `window_s`: three fifths.

    An item that was changed is left alone until its window is over twice. Where the last state has a changed price alone,
    the transient ones had other words: the item's text is at the end what it was.
    """
    rng = random.Random(seed)
    lasting_each_s = rate / (1 + sum(TRANSIENT_EACH) / len(TRANSIENT_EACH))
    busy: dict[str, float] = {}
    events: list[Event] = []
    for at in range(int(seconds * lasting_each_s)):
        start_s, kind = at / lasting_each_s, items.next_kind()
        dues = sorted(start_s + rng.uniform(0.05, 0.6) * window_s for _ in range(1 + TRANSIENT_EACH[at % 2]))
        if kind == NEW:
            first = items.new(dues[0], is_transient=True)
            item = first.item_id
            # Nothing was said of it yet: whatever it ends with is to be seen.
            events += [
                first,
                *(replace(event, is_seen=True) for event in _states(items, item, dues[1:], WORDS)),
            ]
        else:
            free = [one for one in items.ids if busy.get(one, -math.inf) < start_s - 2 * window_s]
            item = rng.choice(free or items.ids)
            events += _states(items, item, dues, kind)
        busy[item] = dues[-1]
    return sorted(events, key=lambda event: event.due_s)


def _states(items: Items, item: str, dues: Sequence[float], kind: str) -> list[Event]:
    text, word = items.text(item)
    found = [items.change(due_s, item, WORDS, is_transient=True) for due_s in dues[:-1]]
    last = items.revert(dues[-1], item, text, word) if kind == PRICE else items.change(dues[-1], item, kind)
    # Where the item ends with the text that it had, nothing of the transient words need ever be seen.
    return [replace(event, is_seen=event.is_seen and last.word != word) for event in (*found, last)]
