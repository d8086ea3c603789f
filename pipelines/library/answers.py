"""What recognition says of one listing, before it becomes rows of item_knowledge."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from schemas.knowledge import Evidence


@dataclass(frozen=True, slots=True)
class Answer:
    """The values of one key of one item. No values: the item does not state the key.

    `confidence` is what the row carries; `chances`, where known, is the chance of each value, same order. `source`: from where
    an answer was taken over that was not computed for this text (`pipelines.reduction.lend`), "" for one that was.
    """

    key_id: str
    values: tuple[str, ...]
    value_ids: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    confidence: float
    method: str
    prompt_version: str = ""
    chances: tuple[float, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class ItemAnswers:
    """Everything recognised of one listing, and the category it was recognised in."""

    item_id: str
    category_id: str
    category_confidence: float
    answers: tuple[Answer, ...]


@dataclass(slots=True)
class Usage:
    """Counters of one or many calls; add up with `add`.

    `tokens`: requests, prompt_tokens, cached_tokens, completion_tokens, encoded_texts.
    `pairs`: SKU x key pairs by the method that answered. `seconds`: time by stage.
    """

    tokens: Counter[str] = field(default_factory=Counter)
    pairs: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, other: Usage) -> None:
        """Add another's counters to these."""
        self.tokens.update(other.tokens)
        self.pairs.update(other.pairs)
        for stage, seconds in other.seconds.items():
            self.seconds[stage] += seconds
