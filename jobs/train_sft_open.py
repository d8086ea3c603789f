"""Step `open` of `jobs.train_sft`: the pairs that a trained ranker leaves open, as recognition would ask, into OUT/examples.jsonl.

Needs the encoder, and the out-of-fold probabilities that `jobs.train_ranker` left. A fifth of the families is kept for
`jobs.fit_cascade --seen OUT/examples.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from jobs.train_sft_data import EXAMPLES


def add_arguments(step: argparse.ArgumentParser) -> None:
    """What this step can be told."""
    step.add_argument("sets", nargs="+", type=Path, help="interchange folders; held-out fifths are left out")
    step.add_argument("--ranker", type=Path, default=Path("models/ranker"))
    step.add_argument("--out-of-fold", type=Path, default=Path("build/ranker/out_of_fold.json"))
    step.add_argument(
        "--range",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="of the best candidate's probability (default: the widest that `jobs.fit_cascade` tries)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the examples in random order, and say how many."""
    import asyncio
    from dataclasses import replace

    from jobs.fit_cascade import WIDEST
    from jobs.open_training import labelled_open_pairs
    from jobs.recogniser import default_config
    from jobs.training_sets import training_set
    from pipelines.library.keys import CategoryViews
    from pipelines.library.ranker import load_ranker
    from pipelines.models.sft_open import is_kept, open_example
    from pipelines.models.tasks import written

    low, high = args.range or WIDEST
    meta = replace(load_ranker(args.ranker).meta, open_low=low, open_high=high)
    config = replace(default_config(Path()), ranker_dir=str(args.ranker))
    out_of_fold = json.loads(args.out_of_fold.read_text("utf-8"))
    made: list[dict[str, object]] = []
    for folder in args.sets:
        found, asked, before = asyncio.run(training_set(folder)), 0, len(made)
        views = CategoryViews(found.release.snapshot)
        for number, listing in enumerate(found.listings):
            if listing.item_id not in out_of_fold:
                continue
            pairs = labelled_open_pairs(found, views, number, out_of_fold, config, meta)
            if pairs and not is_kept(pairs[0]):
                gold = found.gold[listing.item_id]
                made.append(
                    written(open_example(folder.absolute().name, pairs, gold, config.keys_per_request))
                )
                asked += len(pairs)
        print(f"{folder.name}: {len(made) - before} items, {asked} open pairs", flush=True)
    random.Random(args.seed).shuffle(made)
    args.out.mkdir(parents=True, exist_ok=True)
    partial = args.out / f"{EXAMPLES}.partial"
    partial.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in made), "utf-8")
    partial.rename(args.out / EXAMPLES)
    print(f"{args.out / EXAMPLES}: {len(made)} examples")
    return 0
