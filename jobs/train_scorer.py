"""Train the label-conditioned scorer: `data` writes arrays, `train` learns from them, `export` writes what is released.

  .local/engines/bin/python -m jobs.train_scorer data SET... --out build/scorer       (the encoder being up)
  .local/inference/bin/python -m jobs.train_scorer train --out build/scorer --leave-out 0 1
  .local/inference/bin/python -m jobs.train_scorer train --out build/scorer --leave-out 2 3
  .local/inference/bin/python -m jobs.train_scorer train --out build/scorer --leave-out-keys 0 1
  .local/inference/bin/python -m jobs.train_scorer train --out build/scorer --leave-out-keys 2 3
  .local/inference/bin/python -m jobs.train_scorer train --out build/scorer
  .local/inference/bin/python -m jobs.train_scorer export --out build/scorer --release models/scorer

`train` goes on from its checkpoint. Devices: cpu, cuda, npu (needs torch-npu). `--leave-out` writes the scores of the
folds left out: the ranker learns from scores of items that the scorer did not learn from; `--leave-out-keys` (with `data
--as-new`) those of keys shown as new, by one that never learned them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

ROWS, SETS = "rows.npz", "sets.json"
BASE = Path(".local/models/all-minilm-l6-v2")


def main() -> None:
    """Do the named step."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    made = steps.add_parser("data", help="write training arrays (engines environment)")
    made.add_argument(
        "sets", nargs="+", type=Path, help="folders with ontology/, listings.jsonl and gold.jsonl"
    )
    made.add_argument(
        "--as-new", type=float, default=0.0, help="share of items shown once more with keys and values as new"
    )
    train = steps.add_parser("train", help="train (inference environment)")
    train.add_argument(
        "--leave-out", type=int, nargs="*", default=[], help="folds (0 to 3) to leave out, and score"
    )
    train.add_argument(
        "--leave-out-keys",
        type=int,
        nargs="*",
        default=[],
        help="folds of keys (0 to 3) to leave out, and score",
    )
    train.add_argument("--epochs", type=float, default=6)
    train.add_argument("--device", default="cpu", help="cpu, cuda or npu")
    train.add_argument("--threads", type=int, default=2)
    train.add_argument("--seed", type=int, default=0)
    export = steps.add_parser("export", help="write the release (inference environment)")
    export.add_argument("--release", type=Path, required=True)
    for step in (made, train, export):
        step.add_argument("--out", type=Path, default=Path("build/scorer"))
        step.add_argument("--base", type=Path, default=BASE)
    args = parser.parse_args()
    {"data": data, "train": learn, "export": write_release}[args.step](args)


def data(args: argparse.Namespace) -> None:
    """Write the training arrays of the sets' training parts."""
    from infra.onnx import WordPieces
    from jobs.training_sets import key_vectors, training_set
    from pipelines.models.examples import Shares
    from pipelines.models.scorer_data import RowsBuilder, add_set
    from pipelines.models.scorer_rows import save_rows

    counts: dict[str, int] = {}
    builder, tokenizer = RowsBuilder(), WordPieces(args.base / "tokenizer.json")
    for folder in args.sets:
        found = asyncio.run(training_set(folder))
        vectors = asyncio.run(key_vectors(found.release))
        counts[folder.name] = len(found.listings)
        print(f"{folder.name}: {len(found.listings)} items", flush=True)
        given = (found.release, found.listings, found.gold, found.vectors)
        add_set(builder, *given, vectors, tokenizer, True, shares=Shares(args.as_new))
    rows = builder.rows()
    save_rows(rows, args.out / ROWS)
    (args.out / SETS).write_text(json.dumps(counts), "utf-8")
    print(
        f"{args.out / ROWS}: {len(rows.names)} items, {len(rows.ids)} tokens, {len(rows.labels)} candidates"
    )


def learn(args: argparse.Namespace) -> None:
    """Train on the arrays; with a fold left out, score it."""
    from pipelines.models.scorer_rows import load_rows
    from pipelines.models.scorer_train import ScorerTraining, train_scorer

    left_out, keys = frozenset(args.leave_out), frozenset(args.leave_out_keys)
    named = [f"without-{_folds(left_out)}"] * bool(left_out) + [f"new-keys-{_folds(keys)}"] * bool(keys)
    if len(named) > 1:
        raise SystemExit("train_scorer: --leave-out and --leave-out-keys are two runs")
    out = args.out / (named[0] if named else "whole")
    cfg = ScorerTraining(str(args.base), args.epochs, args.device, args.threads, args.seed)
    train_scorer(load_rows(args.out / ROWS), cfg, out, left_out, keys)


def _folds(folds: frozenset[int]) -> str:
    return "-".join(map(str, sorted(folds)))


def write_release(args: argparse.Namespace) -> None:
    """Write the network that recognition loads."""
    from pipelines.models.scorer_release import release_scorer
    from pipelines.models.scorer_rows import load_rows

    counts = json.loads((args.out / SETS).read_text("utf-8"))
    print(release_scorer(args.base, args.out / "whole", load_rows(args.out / ROWS), counts, args.release))


if __name__ == "__main__":
    main()
