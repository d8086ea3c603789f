"""Step `curve` of `jobs.train_sft`: draws OUT/loss.jsonl into OUT/loss.png."""

from __future__ import annotations

import argparse
import json


def add_arguments(step: argparse.ArgumentParser) -> None:
    """Nothing but what every step is told."""


def run(args: argparse.Namespace) -> int:
    """Draw the loss."""
    from pipelines.models.curve import draw_curve

    losses = args.out / "loss.jsonl"
    if not losses.exists():
        raise SystemExit(f"train_sft: {losses} is missing: run the step `train` first")
    rows = [json.loads(line) for line in losses.open(encoding="utf-8")]
    draw_curve([(row["items"], row["loss"]) for row in rows], args.out / "loss.png")
    print(args.out / "loss.png")
    return 0
