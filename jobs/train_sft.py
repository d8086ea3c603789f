"""Train the item-understanding model (discriminator and extractor) on labelled interchange folders, several tasks at once.

data      draw training examples of six tasks               .local/engines/bin/python -m jobs.train_sft data --help
open      draw what a trained ranker leaves open        .local/engines/bin/python -m jobs.train_sft open --help
teacher   let a reference model label what gold does not    .local/engines/bin/python -m jobs.train_sft teacher --help
train     LoRA or all weights; cpu, cuda, npu; goes on      .local/inference/bin/python -m jobs.train_sft train --help
curve     draw the loss                                     .local/engines/bin/python -m jobs.train_sft curve --help
evaluate  score each task on held-out items                 .local/engines/bin/python -m jobs.train_sft evaluate --help

.local/engines/bin/python -m jobs.train_sft data --set ../shared/data/wdc_pave=0.6 --set infra/demo/catalog=0.4
.local/inference/bin/python -m jobs.train_sft train --epochs 1
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

STEPS = ("data", "open", "teacher", "train", "curve", "evaluate")


def main() -> None:
    """Do the named step: each is a module beside this one, and imports what it needs when it runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    for name in STEPS:
        module = importlib.import_module(f"jobs.train_sft_{name}")
        step = steps.add_parser(name, description=module.__doc__)
        step.add_argument("--out", type=Path, default=Path("build/sft"), help="folder of this training")
        step.add_argument("--seed", type=int, default=0)
        module.add_arguments(step)
        step.set_defaults(run=module.run)
    args = parser.parse_args()
    raise SystemExit(args.run(args))


if __name__ == "__main__":
    main()
