"""Step `train` of `jobs.train_sft` (inference environment): trains on OUT/examples.jsonl, from the newest checkpoint in OUT on."""

from __future__ import annotations

import argparse
from pathlib import Path

from jobs.train_sft_data import EXAMPLES

BASE = Path(".local/models/smollm2-135m-instruct")


def add_arguments(step: argparse.ArgumentParser) -> None:
    """What this step can be told."""
    step.add_argument("--base", type=Path, default=BASE, help="folder of the base model")
    step.add_argument("--method", choices=("lora", "full"), default="lora")
    step.add_argument("--device", choices=("cpu", "cuda", "npu"), default="cpu")
    step.add_argument("--epochs", type=float, default=1.0)
    step.add_argument("--steps", type=int, default=0, help="instead of epochs")
    step.add_argument("--items-a-step", type=int, help="default: 1 for lora, 8 for full")
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


def run(args: argparse.Namespace) -> int:
    """Train, and say where the adapter or model is."""
    from pipelines.models.device import DeviceMissing
    from pipelines.models.sft import RunConfig, TrainConfig, TrainingRefused, train

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
    watch = RunConfig(minutes=args.minutes, threads=args.threads)
    try:
        made = train(cfg, watch, args.out / EXAMPLES, args.out, lambda line: print(line, flush=True))
    except (TrainingRefused, DeviceMissing) as error:
        raise SystemExit(f"train_sft: {error}") from None
    if made is not None:
        print(made)
    return 0
