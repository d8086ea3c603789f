"""Measures one encoder on the held-out fifth of one set, by the real release and search; `jobs.train_encoder evaluate` calls it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.faiss import FaissSearch
from pipelines.models.encoder_eval import (
    category_figures,
    recall_figures,
    similarity_figures,
    similarity_pairs,
)
from pipelines.models.encoder_records import HoldOut
from pipelines.models.encoder_sets import read_parts
from pipelines.models.vector_file import load_vectors
from pipelines.ontology.identity import digest
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.store import OntologyStore, Source


def measure(folder: Path, name: str, out: Path) -> dict[str, Any]:
    """Figures of the encoder `name` (as given to the step `encode`) on a set. Errors: OSError, TextMissing."""
    path = out / f"vectors-{name}.npz"
    if not path.exists():
        raise SystemExit(f"{path} is missing: run `jobs.train_encoder encode --name {name}` first")
    vectors, judge = load_vectors(path), load_vectors(out / "vectors-base.npz")
    parts, held = read_parts(folder, time.time_ns() // 10**6), HoldOut()
    store = OntologyStore(out / "store", parts.name)
    version = store.commit(parts.ontology, Source("encoder evaluation"), 0).version
    # Vectors follow from the file, not from the model's name: a later training must not find those of an earlier one.
    encoder_id = f"{vectors.model} {digest(path.stat().st_mtime_ns)[:8]}"
    target = release_folder(store, version, encoder_id)
    release = asyncio.run(
        make_release(store, version, vectors.encode, encoder_id, target, backend=FaissSearch())
    )
    row: dict[str, Any] = {"set": parts.name, "encoder": name, "model": vectors.model}
    row["recall"] = {
        kind: asdict(r) for kind, r in recall_figures(release, parts.held_out, vectors, held).items()
    }
    row["category"] = category_figures(release, parts.held_out, vectors)
    for which, pairs in (
        ("similarity", similarity_pairs(parts.ontology, None)),
        ("similarity_held", similarity_pairs(parts.ontology, held)),
    ):
        if pairs:
            row[which] = similarity_figures(pairs, vectors, judge)
    whole = row["recall"]["all"]
    print(
        f"{parts.name} {name}: recall@10 similar {whole['similar']}, fused {whole['fused']}, "
        f"reciprocal rank {whole['reciprocal_rank']}, category {row['category']['first']}",
        flush=True,
    )
    return row
