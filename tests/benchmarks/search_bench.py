"""Recall of search on the held-out fifth of a labelled set: is the true value among the K = 10 candidates?

Run: `python -m tests.benchmarks.search_bench [SET]` with the encoder server up (AIIC_ENCODER_URL or `aiic up`).
Counted are gold values that the ontology of the training part holds. Three figures: the fused search (words found,
similarity, frequency) that S2D uses, similarity alone, and the ten likeliest after ranking (what a discriminator sees).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np

from infra.faiss import FaissSearch
from infra.vllm import EncoderClient
from jobs.recogniser import EVALUATION_STORE, default_config, released
from pipelines.apps.evaluation_set import load_set
from pipelines.apps.split_ontology import cached_interchange
from pipelines.library.keys import CategoryViews
from pipelines.library.pairs import encoded_text, is_searched, item_pairs, similar_values
from pipelines.library.ranker import load_ranker
from pipelines.ontology.release import open_release
from tests.benchmarks.parts import write_part
from udfs.document import document
from udfs.text import fold

K = 10


async def measure(folder: Path) -> dict[str, float]:
    """Recall figures of one labelled set."""
    found = load_set(
        folder / "ontology",
        folder / "listings.jsonl",
        folder / "gold.jsonl",
        time.time_ns() // 10**6,
        "held-out-fifth",
    )
    config = default_config(Path())
    ontology = cached_interchange(found.ontology, EVALUATION_STORE / "ontologies")
    release = open_release(await released(ontology, config.encoder_url), FaissSearch())
    ranker, views = load_ranker(config.ranker_dir), CategoryViews(release.snapshot)
    gold: dict[str, dict[str, set[str]]] = {}
    for pair in found.gold:
        gold.setdefault(pair.item_id, {})[pair.key_id] = {fold(value) for value in pair.values}
    async with EncoderClient(config.encoder_url) as encoder:
        vectors = await encoder.embed([encoded_text(document(listing)) for listing in found.listings])
    hits: Counter[str] = Counter()
    for listing, vector in zip(found.listings, vectors, strict=True):
        category = views.of(str(listing.category_id))
        similar = similar_values(release, category, vector, K)
        item = item_pairs(0, listing, document(listing), category, similar, top_k=K)
        ranked = ranker.probabilities(item.pairs)
        for place, (view, pair, p) in enumerate(zip(category.keys, item.pairs, ranked, strict=True)):
            known = [c.folded for c in pair.candidates if c.position >= 0][:K]
            likeliest = [pair.candidates[at].folded for at in np.argsort(-p, kind="stable")[:K]]
            nearest = [fold(view.values[at].text) for at in similar[place]]
            for value in gold.get(listing.item_id, {}).get(view.key.key_id, set()):
                if value not in view.positions:
                    continue
                kind = "searched" if is_searched(category, place) else "computed"
                hits[f"{kind}_held"] += 1
                hits[f"{kind}_search"] += value in known
                hits[f"{kind}_similar"] += value in nearest
                hits[f"{kind}_ranked"] += value in likeliest
    held = hits["searched_held"] + hits["computed_held"]
    return {
        "search_recall_at_10": round((hits["searched_search"] + hits["computed_search"]) / held, 4),
        "search_recall_at_10_after_ranking": round(
            (hits["searched_ranked"] + hits["computed_ranked"]) / held, 4
        ),
        "search_recall_at_10_searched_keys": round(hits["searched_search"] / hits["searched_held"], 4),
        "search_recall_at_10_similarity_alone": round(hits["searched_similar"] / hits["searched_held"], 4),
        "search_gold_values_held": held,
    }


def main() -> None:
    """Measure, print and write the part of the bench."""
    shared = Path(os.environ.get("AIIC_SHARED_DATA", "../shared/data"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", nargs="?", type=Path, default=shared / "wdc_pave")
    figures = asyncio.run(measure(parser.parse_args().set))
    print(write_part("search", figures))


if __name__ == "__main__":
    main()
