"""The tasks of the item-understanding model, in two families (paper section 5.1), and how often each is trained.

Extraction reads out of an item: `key` f(x) -> keys, `value` f(x, k, d_k) -> words, `key_value` f(x) -> {k: words}.
Recognition decides on what is offered: `key` which keys, `value` which candidates of one key, `key_value` several keys with
candidates in one request, the form in which recognition asks (`udfs/prompts.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from udfs.prompts import Question
from udfs.replies import Choice

EXTRACT_KEY = "extraction.key"
EXTRACT_VALUE = "extraction.value"
EXTRACT_KEY_VALUE = "extraction.key_value"
RECOGNISE_KEY = "recognition.key"
RECOGNISE_VALUE = "recognition.value"
RECOGNISE_KEY_VALUE = "recognition.key_value"
TASKS = (
    EXTRACT_KEY,
    EXTRACT_VALUE,
    EXTRACT_KEY_VALUE,
    RECOGNISE_KEY,
    RECOGNISE_VALUE,
    RECOGNISE_KEY_VALUE,
)
MIXTURE: Mapping[str, float] = MappingProxyType(
    {
        EXTRACT_KEY: 0.06,
        EXTRACT_VALUE: 0.16,
        EXTRACT_KEY_VALUE: 0.12,
        RECOGNISE_KEY: 0.06,
        RECOGNISE_VALUE: 0.1,
        RECOGNISE_KEY_VALUE: 0.5,
    }
)
GOLD = "gold"


@dataclass(frozen=True, slots=True)
class SftConfig:
    """How training examples are drawn. Shares are probabilities; `mixture` is each task's share of the examples."""

    seed: int = 0
    mixture: Mapping[str, float] = field(default_factory=lambda: MIXTURE)
    none_share: float = 0.3
    unseen_gold_offered: float = 0.6
    injected: float = 0.05
    split_text: float = 0.25
    asked_for_several: float = 0.5
    most_keys: int = 8
    most_sequence_tokens: int = 620


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the recognition family and its right answer."""

    question: Question
    choice: Choice


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt behind an item's text, what is to be said, and the keys whose labels that rests on.

    `asked` holds recognition's questions, `words` the words that extraction is to copy, by key.
    """

    prompt: str
    reply: str
    key_ids: tuple[str, ...]
    asked: tuple[Asked, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Example:
    """One item's training sequence: a prefix that is read once, and requests of one task that each go on from it.

    `labels` says who labelled the keys asked: "gold", or "teacher:" and a model's name. `shown`: the texts in the prefix.
    """

    set_name: str
    item_id: str
    task: str
    labels: tuple[str, ...]
    prefix: str
    shown: tuple[str, str]
    requests: tuple[Request, ...]


def written(made: Example) -> dict[str, object]:
    """An example as texts: what the model reads, and what it is to say. One JSON line of a training file."""
    family, _, task = made.task.partition(".")
    return {
        "item_id": made.item_id,
        "set": made.set_name,
        "family": family,
        "task": task,
        "labels": list(made.labels),
        "prefix": made.prefix,
        "requests": [{"prompt": one.prompt, "reply": one.reply} for one in made.requests],
    }


def mixture(chosen: Sequence[str]) -> Mapping[str, float]:
    """Shares from "TASK=WEIGHT" texts; the standard ones for no text. Tasks that are not named get none.

    >>> mixture(["extraction.value=1", "recognition.key_value=3"])
    {'extraction.value': 0.25, 'recognition.key_value': 0.75}

    Errors: ValueError for an unknown task, a weight that is no positive number, or a task named twice.
    """
    if not chosen:
        return MIXTURE
    weights: dict[str, float] = {}
    for text in chosen:
        task, _, weight = text.partition("=")
        if task not in TASKS or task in weights:
            raise ValueError(f"{text!r}: name each task once, of {', '.join(TASKS)}")
        try:
            weights[task] = float(weight)
        except ValueError:
            raise ValueError(f"{text!r}: write TASK=WEIGHT, for example {task}=0.5") from None
        if not 0 < weights[task] < float("inf"):
            raise ValueError(f"{text!r}: a weight is a positive number; leave a task out to train none of it")
    total = sum(weights.values())
    return {task: weight / total for task, weight in weights.items()}
