"""`make bench-curve`: F1 on the held-out fifths by how many labelled families the ranker learned from, and what is missed why.

    python -m tests.benchmarks.learning_curve SET... [--shares 0.25 0.5 1] [--threads 2]

Needs the encoder. The ranker alone, without the label-conditioned scorer: it is trained anew for each share. Written:
build/bench/learning_curve.json and .png.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from infra.vllm import EncoderClient
from jobs.recogniser import default_config
from jobs.training_sets import training_set
from pipelines.apps.evaluation_set import HELD_OUT_FIFTH, load_set
from pipelines.library.pairs import Floats, encoded_text
from pipelines.models.learning_curve import SHARES, learning_curve
from pipelines.models.ranker_data import RankerRows, joined, ranker_rows
from schemas.listing import Listing
from tests.benchmarks.parts import BENCH, facts
from udfs.document import document

OUT = BENCH / "learning_curve.json"


def main() -> int:
    """Train and measure, and draw the curve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--shares", nargs="+", type=float, default=list(SHARES))
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    train: list[RankerRows] = []
    held_out: dict[str, RankerRows] = {}
    for folder in args.sets:
        learned, unseen = asyncio.run(rows_of(folder))
        train.append(learned)
        held_out[folder.absolute().name] = unseen
        print(f"{folder.name}: rows made", file=sys.stderr, flush=True)
    try:
        points = learning_curve(joined(train), held_out, args.shares, args.threads)
    except ValueError as error:
        print(f"bench-curve: {error}; give more sets, or larger --shares", file=sys.stderr)
        return 2
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({**facts(), "points": points}, indent=1) + "\n", "utf-8")
    draw(points, list(held_out), OUT.with_suffix(".png"))
    return 0


async def rows_of(folder: Path) -> tuple[RankerRows, RankerRows]:
    """A set's training rows, and those of its held-out fifth with the training part's ontology."""
    found = await training_set(folder)
    learned = ranker_rows(found.release, found.listings, found.gold, found.vectors, leave_one_out=True)
    whole = load_set(
        folder / "ontology",
        folder / "listings.jsonl",
        folder / "gold.jsonl",
        time.time_ns() // 10**6,
        HELD_OUT_FIFTH,
    )
    known = [one for one in whole.listings if one.category_id in found.release.snapshot.categories]
    gold: dict[str, dict[str, tuple[str, ...]]] = {}
    for pair in whole.gold:
        gold.setdefault(pair.item_id, {})[pair.key_id] = pair.values
    vectors = await embedded(known)
    return learned, ranker_rows(found.release, known, gold, vectors, leave_one_out=False)


async def embedded(listings: list[Listing]) -> Floats:
    """Vectors of the listings' texts."""
    async with EncoderClient(default_config(Path()).encoder_url) as encoder:
        return await encoder.embed([encoded_text(document(one)) for one in listings])


def draw(points: list[dict[str, float]], names: list[str], path: Path) -> None:
    """The curve as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name in names:
        axes.plot([one["families"] for one in points], [one[name] for one in points], marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set_xlabel("labelled product families in training")
    axes.set_ylabel("F1, held-out fifth (ranker alone)")
    axes.grid(True, alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main())
