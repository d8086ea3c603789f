"""What recognition needs of an ontology, prepared once per category: keys, their rules, and where surface forms lead."""

from __future__ import annotations

import math
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.library.phrases import PhraseShape, shape_of
from pipelines.library.spelled_out import templates_of
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value
from schemas.ontology import AttributeKey
from udfs.normalize import CHOICE, SPELL_OUT, UPPER, Rule, rule_of
from udfs.text import fold
from udfs.tokens import match_form

OPEN_SHARE = 0.1
OPEN_SHARE_SPELLED = 0.02
"""Of keys whose values are spelled out: names that are not short stand in the text as they are."""
LEAST_ONCE = 2
"""One value that was seen once says nothing of a key."""
COMMON = 2
MAX_VALUES = 400_000
"""About 400 MB: a value takes some 1 KB in a view, with its forms and words."""
VIEW_OVERHEAD = 50
SCENARIO_KEY = "_scenario"
UNCOUNTED = 4
"""How often a value of a key that nobody ever counted is taken to have been seen."""
_ARTICLES = ("a", "an", "and", "the", "of", "for", "with", "in", "on", "to", "by", "or", "at", "from")
_COMMON_WORDS = frozenset(_ARTICLES) | {"size", "style", "type", "set", "new"}


@dataclass(frozen=True)
class KeyView:
    """One key of a category, ready for candidates: rule, values, frequencies, and words its values are made of."""

    key: AttributeKey
    value_set_id: str
    rule: Rule
    values: tuple[Value, ...]
    positions: Mapping[str, int]
    same_as: tuple[int, ...]
    frequencies: tuple[int, ...]
    names: frozenset[str]
    words: Mapping[str, int]
    total: int
    is_open: bool
    capitalized: float
    shape: PhraseShape
    templates: Mapping[str, int]
    typical: int = UNCOUNTED

    @property
    def name(self) -> str:
        """The key's name, folded: what the ranker knows it by."""
        return fold(self.key.name)

    def frequency(self, position: int, own: Mapping[str, int]) -> int:
        """How often a value was seen, without what the item itself contributed (`own`, in training only)."""
        return max(0, self.frequencies[position] - own.get(fold(self.values[position].text), 0))

    def standing(self, frequency: int) -> int:
        """What a value is taken to have been seen that often: itself, for one never counted the mean of those that were.

        An entry of today was not seen yet, which is not the same as seen never: by a count of 0 every old value would be
        likelier. Source: ours (O8).
        """
        return frequency or self.typical

    def share(self, frequency: int) -> float:
        """Log of the share that a value's `standing` has among its key's sightings."""
        return log_share(frequency, self.total or self.typical * len(self.values))

    def is_common(self, position: int) -> bool:
        """Whether something may be learned of a value by its name.

        The one item that a value was seen in must not meet it in training, so there all that is to be learned of its name is
        where it is not true. Source: ours.
        """
        return self.frequencies[position] >= COMMON

    def canonical(self, text: str) -> str:
        """A text in the form of this key's values."""
        return text.upper() if self.rule.kind == UPPER else text


@dataclass(frozen=True)
class CategoryView:
    """The keys of one category and, per match form, the (key, value) positions that it stands for."""

    category_id: str
    name: str
    keys: tuple[KeyView, ...]
    surfaces: Mapping[str, tuple[tuple[int, int], ...]]


def category_view(snapshot: Snapshot, category_id: str) -> CategoryView:
    """Prepare a category. Errors: KeyError when the ontology does not have it."""
    keys = tuple(key_view(link, snapshot.values_of(link)) for link in snapshot.keys_of(category_id))
    keys += _scenario_view(snapshot, category_id)
    surfaces: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for key_position, view in enumerate(keys):
        if view.rule.computes:
            continue
        for position, value in enumerate(view.values):
            for form in {match_form(text) for text in (value.text, *value.synonyms)} - {""}:
                surfaces[form].append((key_position, view.same_as[position]))
    return CategoryView(
        category_id,
        snapshot.categories[category_id].name,
        keys,
        {form: tuple(dict.fromkeys(found)) for form, found in surfaces.items()},
    )


def _scenario_view(snapshot: Snapshot, category_id: str) -> tuple[KeyView, ...]:
    """The scenario tags of a category as one more key, recognised by the words that name them (O1)."""
    here = set(snapshot.ancestors(category_id))
    tags = [
        tag for tag in snapshot.tags.values() if not tag.category_ids or not here.isdisjoint(tag.category_ids)
    ]
    if not tags:
        return ()
    key = AttributeKey(category_id, SCENARIO_KEY, "Scenario", value_kind="enumerated", multi_valued=True)
    values = [Value(tag.tag_id, tag.name, 0, tag.synonyms) for tag in tags]
    return (key_view(CategoryKey(key, ""), values),)


def key_view(link: CategoryKey, values: Sequence[Value]) -> KeyView:
    """Prepare a key with its values."""
    rule = rule_of(link.key)
    positions, same_as, frequencies = _folded(values)
    once = sum(1 for value in values if value.frequency == 1)
    total = sum(value.frequency for value in values)
    return KeyView(
        key=link.key,
        value_set_id=link.value_set_id,
        rule=rule,
        values=tuple(values),
        positions=positions,
        same_as=same_as,
        frequencies=frequencies,
        names=frozenset(match_form(name) for name in (link.key.name, *link.key.synonyms)) - {""},
        words=_value_words(values),
        total=total,
        is_open=link.key.value_kind == "free" or _is_open(rule, once, total),
        capitalized=sum(value.text[:1].isupper() for value in values) / max(1, len(values)),
        shape=shape_of((value.text, max(1, value.frequency)) for value in values),
        templates=templates_of((value.text, max(1, value.frequency)) for value in values)
        if rule.kind == SPELL_OUT
        else {},
        typical=max(1, round(total / counted)) if (counted := sum(map(bool, frequencies))) else UNCOUNTED,
    )


def _is_open(rule: Rule, once: int, total: int) -> bool:
    """Whether values that the ontology lacks are to be expected: many of those it has were seen once."""
    share = OPEN_SHARE_SPELLED if rule.kind == SPELL_OUT else OPEN_SHARE
    return rule.kind != CHOICE and once >= LEAST_ONCE and once > share * total


def _folded(values: Sequence[Value]) -> tuple[dict[str, int], tuple[int, ...], tuple[int, ...]]:
    """Positions by folded text, each value's first twin (texts that scoring takes for one), and their frequencies."""
    positions: dict[str, int] = {}
    for position, value in enumerate(values):
        positions.setdefault(fold(value.text), position)
    same_as = tuple(positions[fold(value.text)] for value in values)
    frequencies = [0] * len(values)
    for position, value in zip(same_as, values, strict=True):
        frequencies[position] += value.frequency
    for position, value in enumerate(values):
        for text in value.synonyms:
            positions.setdefault(fold(text), same_as[position])
    return positions, same_as, tuple(frequencies)


def _value_words(values: Sequence[Value]) -> Mapping[str, int]:
    """Words of the values' texts, and how often they were seen."""
    words: Counter[str] = Counter()
    for value in values:
        for word in set(match_form(value.text).split()):
            if len(word) > 2 and word not in _COMMON_WORDS:
                words[word] += max(1, value.frequency)
    return words


@dataclass
class CategoryViews:
    """Views by category, made when first asked for; those used last are kept, of at most `max_values` values together.

    Safe between threads: chunks are recognised beside one another.
    """

    snapshot: Snapshot
    max_values: int = MAX_VALUES
    _made: OrderedDict[str, CategoryView] = field(default_factory=OrderedDict)
    _values: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, category_id: str) -> CategoryView:
        """The view of a category. Errors: KeyError when the ontology does not have it."""
        with self._lock:
            if category_id in self._made:
                self._made.move_to_end(category_id)
                return self._made[category_id]
        made = category_view(self.snapshot, category_id)
        with self._lock:
            if category_id not in self._made:
                self._made[category_id] = made
                self._values += _size(made)
            while self._values > self.max_values and len(self._made) > 1:
                self._values -= _size(self._made.popitem(last=False)[1])
        return made

    @property
    def values(self) -> int:
        """Values of all views that are kept."""
        return self._values


def _size(view: CategoryView) -> int:
    """How much memory a view takes, in values; an empty one is something too."""
    return VIEW_OVERHEAD + sum(len(key.values) for key in view.keys)


def coarse(count: int) -> int:
    """The nearest power of two, 0 for 0.

    Training sees a true value counted once less than a false one, lest it learn from the item itself; by the exact count it
    would tell the two apart, which it cannot at work. Source: ours.
    """
    return 1 << round(math.log2(count)) if count > 0 else 0


def log_share(frequency: int, total: int) -> float:
    """Log of a value's share among its key's sightings; 0 where nothing was counted."""
    return math.log((frequency + 0.5) / (total + 1.0)) if total else 0.0
