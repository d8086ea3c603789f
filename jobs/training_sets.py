"""A labelled set as ranker training sees it: training items, their labels, the release of their ontology, vectors."""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.faiss import FaissSearch
from infra.vllm import EncoderClient
from jobs.recogniser import default_config, released
from pipelines.apps.evaluation_set import load_set, training_part
from pipelines.apps.split_ontology import training_ontology, write_interchange
from pipelines.library.keys import CategoryViews
from pipelines.library.pairs import Floats, encoded_text
from pipelines.library.scorer_input import key_text
from pipelines.ontology.release import Release, open_release
from schemas.listing import Listing
from udfs.document import document


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Shapes: `vectors` holds one row a listing."""

    listings: list[Listing]
    gold: Mapping[str, Mapping[str, tuple[str, ...]]]
    release: Release
    vectors: Floats


async def training_set(folder: Path, encoder_url: str | None = None) -> TrainingSet:
    """Read the training part (all but the held-out fifth) of a set; listings without a known category are left out.

    Errors: those of `load_set` and of the encoder.
    """
    found = load_set(
        folder / "ontology", folder / "listings.jsonl", folder / "gold.jsonl", time.time_ns() // 10**6, None
    )
    train = training_part(found)
    gold: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for pair in found.gold:
        gold[pair.item_id][pair.key_id] = pair.values
    url = encoder_url or default_config(Path()).encoder_url
    with tempfile.TemporaryDirectory(prefix="aiic-train-") as scratch:
        write_interchange(training_ontology(found.ontology, found.gold, train), Path(scratch) / "ontology")
        release = open_release(await released(Path(scratch) / "ontology", url), FaissSearch())
    async with EncoderClient(url) as encoder:
        vectors = await encoder.embed([encoded_text(document(listing)) for listing in train])
    return TrainingSet(train, gold, release, vectors)


async def key_vectors(release: Release, encoder_url: str | None = None) -> dict[str, Floats]:
    """Vectors of the key texts of every category, by category id. Shapes: (keys, d) each."""
    views = CategoryViews(release.snapshot)
    found: dict[str, Floats] = {}
    async with EncoderClient(encoder_url or default_config(Path()).encoder_url) as encoder:
        for category_id in release.snapshot.categories:
            category = views.of(category_id)
            texts = [key_text(category, view) for view in category.keys]
            found[category_id] = await encoder.embed(texts)
    return found
