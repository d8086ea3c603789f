"""Arguments of `jobs.train_encoder`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

BASE = Path(".local/models/all-minilm-l6-v2")
RATES = {"lora": 5e-4, "full": 2e-5}


def arguments(description: str | None, words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line of one step."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    data = steps.add_parser("data", help="write training data and the texts to encode (engines environment)")
    train = steps.add_parser("train", help="train (inference environment)")
    encode = steps.add_parser("encode", help="encode the texts (inference environment)")
    keep = steps.add_parser(
        "keep", help="write the adapter, or a share of it, to its place (inference environment)"
    )
    keep.add_argument("--scale", type=float, default=1.0, help="share of the adapter that is kept, 0 to 1")
    keep.add_argument("--save", type=Path, default=Path("models/encoder"))
    evaluate = steps.add_parser("evaluate", help="compare encoders on held-out items (engines environment)")
    curve = steps.add_parser("curve", help="draw loss and watched recall (engines environment)")
    for step in (data, evaluate):
        step.add_argument("--set", action="append", required=True, type=Path, metavar="FOLDER")
    evaluate.add_argument(
        "--encoder", action="append", help="names given to `encode`; default: base and trained"
    )
    for step in (train, encode):
        step.add_argument("--base", type=Path, default=BASE)
        step.add_argument("--device", default="cpu", help="cpu, cuda or npu")
        step.add_argument("--threads", type=int, default=1)
    train.add_argument("--method", choices=("lora", "full"), default="lora")
    train.add_argument("--steps", type=int, default=600)
    train.add_argument("--minutes", type=float, default=60.0, help="end with a checkpoint after so long")
    train.add_argument("--learning-rate", type=float, help="default 5e-4 for lora, 2e-5 for full")
    train.add_argument("--seed", type=int, default=0)
    encode.add_argument("--name", required=True, help="base, trained, or any other")
    encode.add_argument("--adapter", type=Path)
    encode.add_argument("--scale", type=float, default=1.0, help="share of the adapter that is merged")
    encode.add_argument("--texts", type=Path, help="JSON list of texts; default: those of `data`")
    for step in (data, train, keep, encode, evaluate, curve):
        step.add_argument("--out", type=Path, default=Path("build/encoder"))
    return parser.parse_args(words)
