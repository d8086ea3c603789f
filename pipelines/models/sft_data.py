"""Training examples of the multi-task model from labelled listings: two families, six tasks, mixed by weight (M1)."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from pipelines.models import sft_extraction, sft_keys, sft_recognition
from pipelines.models.labelled import LabelledSet
from pipelines.models.sft_item import TrainingItem, training_item
from pipelines.models.tasks import (
    EXTRACT_KEY,
    EXTRACT_KEY_VALUE,
    EXTRACT_VALUE,
    RECOGNISE_KEY,
    RECOGNISE_KEY_VALUE,
    RECOGNISE_VALUE,
    Example,
    Request,
    SftConfig,
)
from udfs.prompts import build_prefix
from udfs.prompts_tasks import item_prefix

Make = Callable[[TrainingItem, random.Random, SftConfig], list[Request]]
PROBED = 100


def training_examples(
    sets: Sequence[LabelledSet], weights: Sequence[float], cfg: SftConfig
) -> Iterator[Example]:
    """Endless training examples: task and set by weight, then that set's items in shuffled order, task by task.

    A task is drawn from the sets that can ask it. The same sets, weights and configuration make the same examples.
    Errors: ValueError where no set can ask a task that the mixture wants.
    """
    able = askable(sets, cfg)
    silent = [task for task, places in able.items() if not places]
    if silent:
        raise ValueError(
            f"no item of {', '.join(one.name for one in sets)} can be asked in {', '.join(silent)}: "
            "leave the task out of the mixture, or label what it asks"
        )
    chooser = random.Random(cfg.seed)
    queues: dict[tuple[int, str], list[str]] = defaultdict(list)
    tasks = list(cfg.mixture)
    number = 0
    while True:
        task = chooser.choices(tasks, [cfg.mixture[one] for one in tasks])[0]
        at = chooser.choices(able[task], [weights[n] for n in able[task]])[0]
        made = None
        while made is None:
            queue = queues[at, task]
            if not queue:
                queue += sets[at].train_ids
                chooser.shuffle(queue)
            number += 1
            made = example(sets[at], queue.pop(), task, random.Random(f"{cfg.seed}/{number}"), cfg)
        yield made


def askable(sets: Sequence[LabelledSet], cfg: SftConfig) -> dict[str, list[int]]:
    """For each task of the mixture the sets that have what it needs (stated keys, say) among their first items."""
    return {
        task: [
            place
            for place, labelled in enumerate(sets)
            if any(
                example(labelled, item_id, task, random.Random(number), cfg)
                for number, item_id in enumerate(labelled.train_ids[:PROBED])
            )
        ]
        for task in cfg.mixture
    }


def example(
    labelled: LabelledSet, item_id: str, task: str, rnd: random.Random, cfg: SftConfig
) -> Example | None:
    """One item's sequence of one task; None when none of its keys can be asked."""
    item = training_item(labelled, item_id, rnd, cfg)
    requests = tuple(_makers()[task](item, rnd, cfg))
    if not requests:
        return None
    prefix = build_prefix if task == RECOGNISE_KEY_VALUE else item_prefix
    return Example(
        set_name=labelled.name,
        item_id=item_id,
        task=task,
        labels=item.labels(requests),
        prefix=prefix(item.shared, item.mine),
        shown=item.shown,
        requests=requests,
    )


def _makers() -> Mapping[str, Make]:
    return {
        EXTRACT_KEY: sft_extraction.key_requests,
        EXTRACT_VALUE: sft_extraction.value_requests,
        EXTRACT_KEY_VALUE: sft_extraction.key_value_requests,
        RECOGNISE_KEY: sft_keys.key_requests,
        RECOGNISE_VALUE: sft_recognition.value_requests,
        RECOGNISE_KEY_VALUE: sft_recognition.key_value_requests,
    }
