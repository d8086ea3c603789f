"""Train the item-understanding model (discriminator and extractor) on labelled interchange folders, several tasks at once.

data     draw training examples of six tasks               .local/engines/bin/python -m jobs.train_sft data --help
teacher  let a reference model label what gold does not    .local/engines/bin/python -m jobs.train_sft teacher --help
train    LoRA or all weights; cpu, cuda, npu; goes on      .local/inference/bin/python -m jobs.train_sft train --help
curve    draw the loss                                     .local/engines/bin/python -m jobs.train_sft curve --help

.local/engines/bin/python -m jobs.train_sft data --set ../shared/data/wdc_pave=0.6 --set infra/demo/catalog=0.4
.local/inference/bin/python -m jobs.train_sft train --epochs 1
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

EXAMPLES = "examples.jsonl"
BASE = Path(".local/models/smollm2-135m-instruct")
METHODS = ("lora", "full")
DEVICES = ("cpu", "cuda", "npu")


def main() -> None:
    """Do the named step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    for name, add in {
        "data": _data,
        "teacher": _teacher,
        "train": _train,
        "curve": _curve,
        "evaluate": _evaluate,
    }.items():
        step = steps.add_parser(name)
        step.add_argument("--out", type=Path, default=Path("build/sft"), help="folder of this training")
        step.add_argument("--seed", type=int, default=0)
        add(step)
    args = parser.parse_args()
    raise SystemExit(args.do(args))


def _data(step: argparse.ArgumentParser) -> None:
    from jobs.train_sft_data import add_arguments, draw

    add_arguments(step)
    step.set_defaults(do=draw)


def _teacher(step: argparse.ArgumentParser) -> None:
    from jobs.train_sft_teacher import add_arguments, label

    add_arguments(step)
    step.set_defaults(do=label)


def _evaluate(step: argparse.ArgumentParser) -> None:
    from jobs.train_sft_evaluate import add_arguments, evaluate

    add_arguments(step)
    step.set_defaults(do=evaluate)


def _train(step: argparse.ArgumentParser) -> None:
    step.add_argument("--base", type=Path, default=BASE, help="folder of the base model")
    step.add_argument("--method", choices=METHODS, default="lora")
    step.add_argument("--device", choices=DEVICES, default="cpu")
    step.add_argument("--epochs", type=float, default=1.0)
    step.add_argument("--steps", type=int, default=0, help="instead of epochs")
    step.add_argument("--items-a-step", type=int, default=4)
    step.add_argument("--learning-rate", type=float, help="default: 1e-3 for lora, 5e-5 for full")
    step.add_argument("--rank", type=int, default=8)
    step.add_argument(
        "--first-layer", type=int, help="train from this layer on (default: 6 for lora, 0 for full)"
    )
    step.add_argument("--fp32", action="store_true", help="no bf16")
    step.add_argument(
        "--minutes", type=float, default=0.0, help="end this run after so many; run again to go on"
    )
    step.add_argument("--threads", type=int, default=1)
    step.set_defaults(do=train)


def train(args: argparse.Namespace) -> int:
    """Train on the drawn examples, from the newest checkpoint on if there is one."""
    from pipelines.models.device import DeviceMissing
    from pipelines.models.sft import RunConfig, TrainConfig, TrainingRefused
    from pipelines.models.sft import train as train_model

    cfg = TrainConfig(
        base_dir=str(args.base),
        method=args.method,
        steps=args.steps,
        epochs=args.epochs,
        device=args.device,
        bf16=not args.fp32,
        seed=args.seed,
        rank=args.rank,
        first_layer=args.first_layer,
        learning_rate=args.learning_rate,
        items_a_step=args.items_a_step,
    )
    run = RunConfig(minutes=args.minutes, threads=args.threads)
    try:
        made = train_model(cfg, run, args.out / EXAMPLES, args.out, lambda line: print(line, flush=True))
    except (TrainingRefused, DeviceMissing) as error:
        raise SystemExit(f"train_sft: {error}") from None
    if made is not None:
        print(made)
    return 0


def _curve(step: argparse.ArgumentParser) -> None:
    step.set_defaults(do=curve)


def curve(args: argparse.Namespace) -> int:
    """Draw the loss."""
    from pipelines.models.curve import draw_curve

    rows = [json.loads(line) for line in (args.out / "loss.jsonl").open(encoding="utf-8")]
    draw_curve([(row["items"], row["loss"]) for row in rows], args.out / "loss.png")
    print(args.out / "loss.png")
    return 0


if __name__ == "__main__":
    main()
