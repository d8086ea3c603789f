"""Step `evaluate` of `jobs.train_sft`: how well a served model does each task on held-out items."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # this module is also read where training runs, which has no engines
    from pipelines.models.labelled import LabelledSet
    from pipelines.models.tasks import SftConfig
    from pipelines.models.tasks_eval import TaskScore

SCORES = "tasks.json"


def add_arguments(step: argparse.ArgumentParser) -> None:
    """What this step can be told."""
    step.add_argument("--set", action="append", required=True, type=Path, metavar="FOLDER", dest="sets")
    step.add_argument("--url", default="http://127.0.0.1:18100/v1", help="server of the trained model")
    step.add_argument("--model", default="discriminator", help="its name there")
    step.add_argument("--examples", type=int, default=40, help="examples a task")
    step.add_argument("--task", action="append", default=[], metavar="TASK=1", help="only the named tasks")


def run(args: argparse.Namespace) -> int:
    """Print the scores of each task and write them to OUT/tasks.json."""
    from jobs.labelled import read_labelled_set
    from pipelines.models.sft_data import askable
    from pipelines.models.tasks import SftConfig, mixture
    from pipelines.models.tasks_eval import table
    from schemas.inference import InferenceError

    sets = [read_labelled_set(folder).held_out() for folder in args.sets]
    try:
        cfg = SftConfig(seed=args.seed, mixture=mixture(args.task), injected=0.0, split_text=0.0)
        tasks = [task for task, places in askable(sets, cfg).items() if places]
        scores = [asyncio.run(_score(sets, task, cfg, args)) for task in tasks]
    except (ValueError, InferenceError) as error:
        raise SystemExit(f"train_sft: evaluate: {error}") from None
    print(table(scores))
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [asdict(one) | {"f1": round(one.f1, 4)} for one in scores]
    (args.out / SCORES).write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return 0


async def _score(sets: list[LabelledSet], task: str, cfg: SftConfig, args: argparse.Namespace) -> TaskScore:
    from infra.vllm import CompletionClient
    from pipelines.models.sft_data import training_examples
    from pipelines.models.tasks_eval import TaskScore, ask

    made = training_examples(sets, [1.0] * len(sets), replace(cfg, mixture={task: 1.0}))
    examples = list(itertools.islice(made, args.examples))
    score = TaskScore(task)
    async with CompletionClient(args.url, args.model, timeout_s=300) as client:
        for found in await asyncio.gather(*(ask(one, client) for one in examples)):
            for said, true in found:
                score.add(said, true)
    return score
