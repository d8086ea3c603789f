"""Fits how the discriminator's opinion joins the ranker's: `python -m jobs.fit_cascade SET... --ranker models/ranker`.

Needs both servers up, and the out-of-fold probabilities that `jobs.train_ranker` left. Items that the discriminator
was trained on are named by `--seen` (the first --seen-examples lines of its examples) and left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from jobs.discriminators import open_text_model
from jobs.open_training import OutOfFold, labelled_open_pairs
from jobs.recogniser import default_config
from jobs.seal_models import reseal
from jobs.training_sets import TrainingSet, training_set
from pipelines.library.discriminate import Verdict
from pipelines.library.keys import CategoryViews
from pipelines.library.open_pairs import OpenPair, ask_item, shared_texts
from pipelines.library.ranker import META, load_ranker
from pipelines.library.recogniser import RecogniserConfig
from pipelines.models.cascade_fit import HIGHS, LOWS, Opinion, fit_mixture, fit_open_range
from pipelines.models.opinions import KeptOpinion, write_opinions
from udfs.split import split_group
from udfs.text import fold

WIDEST = (LOWS[0], HIGHS[-1])


def main() -> int:
    """Ask the discriminator about all pairs that may be open, fit weights and range, and write them into the ranker's metadata."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--ranker", type=Path, required=True)
    parser.add_argument("--out-of-fold", type=Path, default=Path("build/ranker/out_of_fold.json"))
    parser.add_argument("--opinions", type=Path, default=Path("build/ranker/opinions.json"))
    parser.add_argument("--seen", type=Path, default=Path("build/discriminator/examples.jsonl"))
    parser.add_argument(
        "--seen-examples", type=int, default=0, help="how many examples were learned from; 0: all"
    )
    parser.add_argument("--items", type=int, default=120, help="items of each set")
    args = parser.parse_args()
    meta = replace(load_ranker(args.ranker).meta, open_low=WIDEST[0], open_high=WIDEST[1])
    lines = (
        args.seen.read_text("utf-8").splitlines()[: args.seen_examples or None] if args.seen.is_file() else []
    )
    seen = {json.loads(line)["item_id"] for line in lines}
    out_of_fold: OutOfFold = json.loads(args.out_of_fold.read_text("utf-8"))
    config = replace(default_config(Path()), ranker_dir=str(args.ranker))
    kept: list[KeptOpinion] = []
    for folder in args.sets:
        found = asyncio.run(training_set(folder))
        fresh = [
            n
            for n, item in enumerate(found.listings)
            if item.item_id in out_of_fold and item.item_id not in seen
        ]
        chosen = random.Random(0).sample(fresh, min(args.items, len(fresh)))
        views = CategoryViews(found.release.snapshot)
        opened = [labelled_open_pairs(found, views, n, out_of_fold, config, meta) for n in chosen]
        kept += asyncio.run(_opinions([pairs for pairs in opened if pairs], found, config))
        told = f"{len(chosen)} of {len(fresh)} fresh items, {sum(map(len, opened))} open pairs"
        print(f"{folder.name}: {told}", flush=True)
    write_opinions(args.opinions, meta.version, kept)  # `fit_calibration` needs them
    fitted = fit_mixture([one.opinion for one in kept], meta.threshold)
    print(json.dumps(asdict(fitted), indent=1))
    new = replace(meta, mix=(0.0, 1.0, 0.0), open_low=meta.threshold, open_high=meta.threshold)
    if fitted.f1_both <= fitted.f1_ranker:
        print("the discriminator adds nothing on these pairs: it is not asked", file=sys.stderr)
    else:
        asked = fit_open_range([one.opinion for one in kept], meta.threshold)
        print(json.dumps(asdict(asked), indent=1))
        constant, ranker, discriminator = (round(weight, 4) for weight in fitted.mix)
        new = replace(meta, mix=(constant, ranker, discriminator), open_low=asked.low, open_high=asked.high)
    (args.ranker / META).write_text(json.dumps(asdict(new), indent=1) + "\n", "utf-8")
    reseal(args.ranker.parent)
    return 0


async def _opinions(
    opened: Sequence[Sequence[OpenPair]], found: TrainingSet, config: RecogniserConfig
) -> list[KeptOpinion]:
    """What both say of the open pairs, an item's asked together as recognition does."""
    model = open_text_model(config)
    try:
        replies = await asyncio.gather(
            *(
                ask_item(pairs, shared_texts(pairs[:1])[pairs[0].item], model.discriminator, config)
                for pairs in opened
            )
        )
    finally:
        await model.close()
    told = [
        (pair, verdict)
        for pairs, (verdicts, _) in zip(opened, replies, strict=True)
        for pair, verdict in zip(pairs, verdicts, strict=True)
    ]
    return [_kept(pair, verdict, found) for pair, verdict in told if not verdict.failed]


def _kept(pair: OpenPair, verdict: Verdict, found: TrainingSet) -> KeptOpinion:
    key = pair.view.key
    gold = set(map(fold, found.gold[pair.source.listing.item_id].get(key.key_id, ())))
    true = [candidate.folded in gold for candidate in pair.offered]
    opinion = Opinion(pair.probabilities.tolist(), verdict.p, true, len(gold) - sum(true))
    family = split_group(pair.source.listing)
    return KeptOpinion(opinion, key.value_kind, key.multi_valued is not False, family)


if __name__ == "__main__":
    sys.exit(main())
