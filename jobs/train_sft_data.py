"""Step `data` of `jobs.train_sft`: draws training examples from labelled interchange folders into OUT/examples.jsonl."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # this module is also read where training runs, which has no engines
    from pipelines.models.labelled import LabelledSet
    from pipelines.models.tasks import SftConfig

EXAMPLES = "examples.jsonl"


def pseudo_path(out: Path, set_name: str) -> Path:
    """Where the step `teacher` leaves a set's labels."""
    return out / f"pseudo-{set_name}.jsonl"


def add_arguments(step: argparse.ArgumentParser) -> None:
    """What this step can be told."""
    step.add_argument(
        "--set",
        action="append",
        required=True,
        metavar="FOLDER[=WEIGHT]",
        help="interchange folder, and its share of the examples; its held-out fifth is left out",
    )
    step.add_argument("--examples", type=int, default=5000)
    step.add_argument(
        "--task",
        action="append",
        default=[],
        metavar="TASK=WEIGHT",
        help="share of a task: extraction.key, .value, .key_value, recognition.key, .value, .key_value; "
        "default: a mixture of all, half of it recognition.key_value; only the named ones once one is named",
    )
    step.add_argument(
        "--none-share", type=float, default=0.3, help='share of questions with the answer "none"'
    )
    step.add_argument(
        "--search",
        choices=("words", "encoder"),
        default="words",
        help="where hard negatives come from: words and extraction, or the encoder's search too (its server must be up)",
    )
    step.add_argument("--encoder-url", help="default: the local stack's")
    step.add_argument(
        "--pseudo", action="store_true", help="with the labels that the step `teacher` left in OUT"
    )


def run(args: argparse.Namespace) -> int:
    """Write training examples and say what they are."""
    from pipelines.models.sft_data import askable, training_examples
    from pipelines.models.tasks import SftConfig, mixture, written

    if not 0 <= args.none_share < 1:
        raise SystemExit("train_sft: --none-share is a share, from 0 to below 1")
    named = [_parted(spec) for spec in args.set]
    sets = [_opened(Path(folder), args) for folder, _ in named]
    try:
        cfg = SftConfig(seed=args.seed, mixture=mixture(args.task), none_share=args.none_share)
        if not args.task:
            cfg = _without_silent(cfg, askable(sets, cfg))
        made = training_examples(sets, [weight for _, weight in named], cfg)
        examples = [written(one) for one in itertools.islice(made, args.examples)]
    except ValueError as error:
        raise SystemExit(f"train_sft: {error}") from None
    args.out.mkdir(parents=True, exist_ok=True)
    partial = args.out / f"{EXAMPLES}.partial"
    partial.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in examples), "utf-8")
    partial.rename(args.out / EXAMPLES)
    tasks = Counter(f"{one['family']}.{one['task']}" for one in examples)
    print(f"{args.out / EXAMPLES}: {len(examples)} examples from {', '.join(one.name for one in sets)}")
    print("\n".join(f"  {task}: {count}" for task, count in sorted(tasks.items())))
    return 0


def _parted(spec: str) -> tuple[str, float]:
    folder, _, weight = spec.rpartition("=")
    if not folder:
        return spec, 1.0
    try:
        return folder, float(weight)
    except ValueError:
        raise SystemExit(f"train_sft: --set {spec}: write FOLDER=WEIGHT, for example {folder}=0.5") from None


def _opened(folder: Path, args: argparse.Namespace) -> LabelledSet:
    """A labelled set, with pseudo-labels and the encoder's search where they are wanted."""
    from jobs.labelled import read_labelled_set, with_search
    from pipelines.models.teacher_file import TeacherRefused, read_pseudo

    pseudo = None
    if args.pseudo:
        try:
            pseudo = read_pseudo(pseudo_path(args.out, folder.absolute().name))
        except TeacherRefused as error:
            raise SystemExit(f"train_sft: {error}") from None
    found = read_labelled_set(folder, pseudo)
    if not found.train_ids:
        raise SystemExit(
            f"train_sft: {folder}: no item has labels; label some, or run the step `teacher` and add --pseudo"
        )
    return with_search(found, args.encoder_url) if args.search == "encoder" else found


def _without_silent(cfg: SftConfig, able: dict[str, list[int]]) -> SftConfig:
    """The standard mixture without the tasks that these sets cannot ask, which is told."""
    from dataclasses import replace

    silent = [task for task in cfg.mixture if not able[task]]
    for task in silent:
        print(f"no item of these sets can be asked in {task}: left out", file=sys.stderr)
    return replace(cfg, mixture={task: share for task, share in cfg.mixture.items() if task not in silent})
