"""Trains the ranker on labelled interchange sets: `python -m jobs.train_ranker SET... --out models/ranker`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from infra.faiss import FaissSearch
from infra.vllm import EncoderClient
from jobs.recogniser import default_config, released
from pipelines.apps.evaluation_set import load_set
from pipelines.apps.split_ontology import training_ontology, write_interchange
from pipelines.library.pairs import encoded_text
from pipelines.library.ranker import FEATURE_VERSION, RankerMeta, save_ranker
from pipelines.models.ranker_data import RankerRows, joined, ranker_rows
from pipelines.models.ranker_fit import fit_ranker
from pipelines.ontology.release import open_release
from udfs.document import document
from udfs.split import split_fifth


def main() -> int:
    """Train on each set's training part (all but the held-out fifth, by product family) and save the ranker."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument(
        "sets", nargs="+", type=Path, help="folders with ontology/, listings.jsonl and gold.jsonl"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    parts = [asyncio.run(_rows(folder)) for folder in args.sets]
    counts = {folder.name: len(set(part.items)) for folder, part in zip(args.sets, parts, strict=True)}
    fitted = fit_ranker(joined(parts), args.threads, _say)
    meta = RankerMeta(
        version=time.strftime("%Y%m%d.%H%M", time.gmtime()),
        feature_version=FEATURE_VERSION,
        threshold=fitted.threshold,
        open_low=0.1,
        open_high=0.75,
        mix=(0.0, 1.0, 0.0),
        discriminator="",
        trained_on=counts,
    )
    save_ranker(args.out, meta, fitted.weights, fitted.bias, fitted.boosted)
    _say(f"{args.out}: out-of-fold F1 {fitted.f1:.4f} at threshold {fitted.threshold}")
    return 0


async def _rows(folder: Path) -> RankerRows:
    found = load_set(
        folder / "ontology", folder / "listings.jsonl", folder / "gold.jsonl", time.time_ns() // 10**6, None
    )
    train, _ = split_fifth([listing for listing in found.listings if listing.category_id])
    gold: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for pair in found.gold:
        gold[pair.item_id][pair.key_id] = pair.values
    url = default_config(Path()).encoder_url
    with tempfile.TemporaryDirectory(prefix="aiic-train-") as scratch:
        write_interchange(training_ontology(found.ontology, found.gold, train), Path(scratch) / "ontology")
        release = open_release(await released(Path(scratch) / "ontology", url), FaissSearch())
    async with EncoderClient(url) as encoder:
        vectors = await encoder.embed([encoded_text(document(listing)) for listing in train])
    _say(f"{folder.name}: {len(train)} training items encoded")
    return ranker_rows(release, train, gold, vectors, leave_one_out=True)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
