"""Trains the ranker on labelled interchange sets: `python -m jobs.train_ranker SET... --out models/ranker`.

With `--scores build/scorer` it learns to weigh the label-conditioned scorer's opinion too (`jobs.train_scorer`).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from jobs.seal_models import reseal
from jobs.training_sets import training_set
from pipelines.library.ranker import FEATURE_VERSION, RankerMeta, save_ranker
from pipelines.library.scorer_form import read_meta
from pipelines.models.cascade_fit import HIGHS, LOWS
from pipelines.models.examples import AS_NEW, Shares
from pipelines.models.out_of_fold import write_out_of_fold
from pipelines.models.ranker_data import RankerRows, joined, ranker_rows
from pipelines.models.ranker_fit import fit_ranker
from pipelines.models.scorer_scores import attach_scores, read_scores


def main() -> int:
    """Train on each set's training part (all but the held-out fifth, by product family) and save the ranker."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "sets", nargs="+", type=Path, help="folders with ontology/, listings.jsonl and gold.jsonl"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--out-of-fold", type=Path, default=Path("build/ranker/out_of_fold.json"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--scores", type=Path, help="what `jobs.train_scorer` left: its opinion is one of the ranker's inputs"
    )
    parser.add_argument(
        "--scorer", type=Path, default=Path("models/scorer"), help="the scorer of the --scores"
    )
    parser.add_argument(
        "--as-new", type=float, default=0.0, help="share of items shown once more with keys and values as new"
    )
    args = parser.parse_args()
    scorer = read_meta(args.scorer).version if args.scores else ""
    parts = [_rows(folder, Shares(args.as_new)) for folder in args.sets]
    counts = {
        folder.name: len({name.removesuffix(AS_NEW) for name in part.items})
        for folder, part in zip(args.sets, parts, strict=True)
    }
    rows = joined(parts)
    if args.scores:
        attach_scores(rows, read_scores(args.scores))
    fitted = fit_ranker(rows, args.threads, _say)
    meta = RankerMeta(
        version=time.strftime("%Y%m%d.%H%M", time.gmtime()),
        feature_version=FEATURE_VERSION,
        threshold=fitted.threshold,
        open_low=LOWS[0],  # until `fit_cascade` says which pairs are worth asking
        open_high=HIGHS[-1],
        mix=(0.0, 1.0, 0.0),
        discriminator="",
        trained_on=counts,
        scorer=scorer,
    )
    write_out_of_fold(args.out_of_fold, rows, fitted.out_of_fold)  # `fit_cascade`, `fit_calibration` need it
    save_ranker(args.out, meta, fitted.weights, fitted.bias, fitted.boosted)
    reseal(args.out.parent)
    _say(f"{args.out}: out-of-fold F1 {fitted.f1:.4f} at threshold {fitted.threshold}")
    return 0


def _rows(folder: Path, shares: Shares) -> RankerRows:
    found = asyncio.run(training_set(folder))
    _say(f"{folder.name}: {len(found.listings)} training items encoded")
    given = (found.release, found.listings, found.gold, found.vectors)
    return ranker_rows(*given, leave_one_out=True, shares=shares)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
