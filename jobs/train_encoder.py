"""Train the encoder's adapter: `data` says what of, `train` learns, `encode` and `evaluate` measure, `curve` shows.

  .local/engines/bin/python -m jobs.train_encoder data --set ../shared/data/wdc_pave --set infra/demo/catalog
  .local/inference/bin/python -m jobs.train_encoder train --steps 600 --minutes 20
  .local/inference/bin/python -m jobs.train_encoder encode --name base
  .local/inference/bin/python -m jobs.train_encoder encode --name trained --adapter build/encoder/adapter
  .local/engines/bin/python -m jobs.train_encoder evaluate --set ../shared/data/wdc_pave --set infra/demo/catalog
  .local/engines/bin/python -m jobs.train_encoder curve

`train` goes on from its last checkpoint: stop it at any time. Devices: cpu, cuda, npu (needs torch-npu). Everything lies
below --out. Only `evaluate` reads held-out items' labels.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

from jobs.train_encoder_args import RATES, arguments

DATA, TEXTS, FIGURES = "data.json", "texts.json", "figures.json"


def main(words: Sequence[str] | None = None) -> None:
    """Do the named step."""
    args = arguments(__doc__, words)
    steps = {
        "data": write_data,
        "train": learn,
        "encode": encode_texts,
        "evaluate": compare,
        "keep": keep,
        "curve": show,
    }
    steps[args.step](args)


def write_data(args: argparse.Namespace) -> None:
    """Write what is trained on, and all texts that have to be encoded."""
    from pipelines.models.encoder_data import training_data
    from pipelines.models.encoder_records import EncoderData, HoldOut, as_json
    from pipelines.models.encoder_sets import needed_texts, read_parts

    whole, texts = EncoderData(), dict[str, None]()
    for folder in args.set:
        parts = read_parts(folder, time.time_ns() // 10**6)
        made = training_data(parts.name, parts.ontology, parts.train, parts.gold, HoldOut())
        texts.update(dict.fromkeys(needed_texts(parts)))
        print(
            f"{parts.name}: {len(made.anchors)} anchors, {len(made.dev)} watched, {len(made.entries())} entries"
        )
        whole.add(made)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / DATA).write_text(json.dumps(as_json(whole), ensure_ascii=False), "utf-8")
    (args.out / TEXTS).write_text(json.dumps(list(texts), ensure_ascii=False), "utf-8")


def learn(args: argparse.Namespace) -> None:
    """Train, or go on."""
    from pipelines.models.encoder_batches import BatchConfig
    from pipelines.models.encoder_model import DeviceMissing
    from pipelines.models.encoder_records import from_json
    from pipelines.models.encoder_run import EncoderConfig
    from pipelines.models.encoder_train import train_encoder

    if not (args.out / DATA).exists():
        raise SystemExit(f"{args.out / DATA} is missing: run the step `data` first")
    data = from_json(json.loads((args.out / DATA).read_text("utf-8")))
    cfg = EncoderConfig(
        str(args.base), args.base.name, args.steps, args.minutes, args.device, args.threads, args.seed, args.method,
        learning_rate=args.learning_rate or RATES[args.method],
    )  # fmt: skip
    try:
        print(
            train_encoder(
                cfg, BatchConfig(seed=args.seed), data, args.out, lambda line: print(line, flush=True)
            )
        )
    except DeviceMissing as error:
        raise SystemExit(str(error)) from error


def encode_texts(args: argparse.Namespace) -> None:
    """Encode the texts with the base, or with an adapter merged in."""
    from pipelines.models.encode_texts import encode_file

    vectors = args.out / f"vectors-{args.name}.npz"
    encode_file(
        args.base,
        args.adapter,
        args.scale,
        args.texts or args.out / TEXTS,
        vectors,
        args.device,
        args.threads,
    )


def keep(args: argparse.Namespace) -> None:
    """Put the adapter, or a share of it, where set-up takes it from."""
    from pipelines.models.encoder_model import scaled

    scaled(args.out / "adapter", args.save, args.scale)
    print(args.save)


def compare(args: argparse.Namespace) -> None:
    """Measure every encoder on every set."""
    from jobs.evaluate_encoder import measure

    rows = [
        measure(folder, name, args.out) for folder in args.set for name in args.encoder or ("base", "trained")
    ]
    (args.out / FIGURES).write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def show(args: argparse.Namespace) -> None:
    """Draw the curve."""
    from pipelines.models.encoder_picture import draw_training

    lines = (args.out / "loss.jsonl").read_text("utf-8").splitlines()
    draw_training([json.loads(line) for line in lines], args.out / "loss.png")
    print(args.out / "loss.png")


if __name__ == "__main__":
    main()
