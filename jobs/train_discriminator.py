"""Train the discriminator's adapter: `data` draws training examples, `train` learns from them, `curve` shows the loss.

  .local/engines/bin/python -m jobs.train_discriminator data --set ../shared/data/wdc_pave=0.55 --out build/discriminator
  .local/inference/bin/python -m jobs.train_discriminator train --out build/discriminator --minutes 60
  .local/engines/bin/python -m jobs.train_discriminator curve --out build/discriminator

`train` goes on from its checkpoint: stop it at any time. Devices: cpu, cuda, npu (needs torch-npu).
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EXAMPLES = "examples.jsonl"


def main() -> None:
    """Do the named step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    data = steps.add_parser("data", help="draw training examples (engines environment)")
    data.add_argument(
        "--set", action="append", required=True, metavar="FOLDER=WEIGHT", help="interchange folder"
    )
    data.add_argument("--examples", type=int, default=5000)
    train = steps.add_parser("train", help="train the adapter (inference environment)")
    train.add_argument("--base", type=Path, default=Path(".local/models/smollm2-135m-instruct"))
    train.add_argument("--minutes", type=float, default=60.0)
    train.add_argument("--device", default="cpu", help="cpu, cuda or npu")
    train.add_argument("--threads", type=int, default=1)
    curve = steps.add_parser("curve", help="draw the loss curve (engines environment)")
    for step in (data, train, curve):
        step.add_argument("--out", type=Path, default=Path("build/discriminator"))
        step.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    {"data": draw, "train": learn, "curve": show}[args.step](args)


def draw(args: argparse.Namespace) -> None:
    """Write training examples."""
    from jobs.labelled import read_labelled_set
    from pipelines.models.sft_data import SftConfig, training_examples, written

    named = [spec.rpartition("=") for spec in args.set]
    sets = [read_labelled_set(Path(folder)) for folder, _, _ in named]
    made = training_examples(sets, [float(weight) for _, _, weight in named], SftConfig(seed=args.seed))
    args.out.mkdir(parents=True, exist_ok=True)
    partial = args.out / f"{EXAMPLES}.partial"
    with partial.open("w", encoding="utf-8") as lines:
        for example in itertools.islice(made, args.examples):
            lines.write(json.dumps(written(example), ensure_ascii=False) + "\n")
    partial.rename(args.out / EXAMPLES)
    print(f"{args.examples} examples from {', '.join(one.name for one in sets)} in {args.out / EXAMPLES}")


def learn(args: argparse.Namespace) -> None:
    """Train on the written examples, over and over."""
    from pipelines.models.sft import TrainConfig, Trainer

    path = args.out / EXAMPLES
    if not path.exists():
        raise SystemExit(f"{path} is missing: run the step `data` first")

    def examples(first: int) -> Iterator[dict[str, Any]]:
        made = [json.loads(line) for line in path.open(encoding="utf-8")]
        return itertools.islice(itertools.cycle(made), first % len(made), None)

    cfg = TrainConfig(str(args.base), args.base.name, args.minutes, args.device, args.threads, args.seed)
    Trainer(cfg, args.out, lambda line: print(line, flush=True)).run(examples)


def show(args: argparse.Namespace) -> None:
    """Draw the loss curve."""
    from pipelines.models.curve import draw_curve

    points = [json.loads(line) for line in (args.out / "loss.jsonl").open(encoding="utf-8")]
    draw_curve([(point["items"], point["loss"]) for point in points], args.out / "loss.png")
    print(args.out / "loss.png")


if __name__ == "__main__":
    main()
