"""Search of a release with a million entries: queries a second, batched, and recall@10 against comparing with every entry.

    python -m tests.benchmarks.throughput_search --vectors build/bench/throughput/vectors-base.npz [--entries 1000000 --sets 1]

The release is made, indexed and opened as every release is; all entries are values of one key, the hardest case (`--sets` spreads
them over several). An entry's vector is the unit sum of two real vectors of the encoder, as a text of two values has nearly; a
query's, of three. Two different draws: no query is an entry. A release that is there already is searched again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from infra.faiss import FaissLists, FaissSearch
from pipelines.models.vector_file import load_vectors
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.release import Release
from pipelines.ontology.store import OntologyStore, Source
from tests.benchmarks.parts import BENCH
from tests.benchmarks.throughput_report import SEARCH, table, update

WORK = BENCH / "throughput" / "search"
TOP_K = 10
ENTRIES_ARE_OF, QUERIES_ARE_OF = 2, 3
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """How large a release, in how many value sets; how many queries, in batches of how many, on how many threads."""

    entries: int = 1_000_000
    sets: int = 1
    queries: int = 10_000
    batch: int = 1_024
    compared: int = 500
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Composed:
    """Vectors made of real ones. Shapes: base (N, d), unit rows."""

    base: Floats

    def of(self, numbers: Sequence[int], parts: int) -> Floats:
        """Unit sums of so many real vectors each, drawn by number. Shapes: (len(numbers), d)."""
        rows = np.empty((len(numbers), self.base.shape[1]), np.float32)
        for place, number in enumerate(numbers):
            drawn = np.random.default_rng((parts, number))
            weights = drawn.uniform(0.5, 1.0, parts).astype(np.float32)
            rows[place] = weights @ self.base[drawn.choice(len(self.base), parts, replace=False)]
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    async def encode(self, texts: Sequence[str]) -> Floats:
        """The vectors of a release's texts: of "...: entry 7" that of number 7, of any other one of its own."""
        last = [text.rpartition(" ")[2] for text in texts]
        numbers = [
            int(word) if word.isdigit() else int.from_bytes(text.encode()[:6], "big") + 2**40
            for word, text in zip(last, texts, strict=True)
        ]
        return await asyncio.to_thread(self.of, numbers, ENTRIES_ARE_OF)


def write_ontology(folder: Path, config: SearchConfig) -> Path:
    """One category whose keys share the entries, in the interchange form."""
    folder.mkdir(parents=True, exist_ok=True)
    category = {"category_id": "all", "name": "All", "parent_id": None, "description": "", "synonyms": []}
    (folder / "categories.jsonl").write_text(json.dumps(category) + "\n", "utf-8")
    keys = [
        {"category_id": "all", "key_id": f"k{n}", "name": f"Key {n}", "description": "", "value_kind": "enumerated"}
        for n in range(config.sets)
    ]  # fmt: skip
    (folder / "keys.jsonl").write_text("".join(json.dumps(key) + "\n" for key in keys), "utf-8")
    with (folder / "values.jsonl").open("w", encoding="utf-8") as file:
        for number in range(config.entries):
            key_id = f"k{number % config.sets}"
            value = {
                "category_id": "all",
                "key_id": key_id,
                "value_id": f"v{number}",
                "text": f"entry {number}",
            }
            file.write(json.dumps({**value, "frequency": 1, "synonyms": []}) + "\n")
    return folder


async def released(config: SearchConfig, vectors: Composed, folder: Path) -> Release:
    """The release, made where it is not there yet; a run that was cut off goes on where it stopped."""
    store = OntologyStore(folder, f"search-{config.entries}-{config.sets}")
    if not store.folder.exists():
        snapshot = load_interchange(write_ontology(folder / "source", config))
        store.commit(snapshot, Source("bench"), 0)
    made = release_folder(store, store.find(None).version, "composed")
    return await make_release(store, None, vectors.encode, "composed", made, backend=FaissSearch())


def measure(release: Release, config: SearchConfig, vectors: Composed) -> dict[str, float]:
    """Queries a second and recall, each query for one of the value sets in turn."""
    faiss.omp_set_num_threads(config.threads)
    sets = list(release.snapshot.value_sets)
    queries = vectors.of(range(config.queries), QUERIES_ARE_OF)
    for value_set in sets:  # indexes are loaded once a process
        release.search(value_set, queries[:1], TOP_K)
    started_s = time.perf_counter()
    for first in range(0, len(queries), config.batch):
        batch = queries[first : first + config.batch]
        for number, value_set in enumerate(sets):
            if len(rows := batch[number :: len(sets)]):
                release.search(value_set, rows, TOP_K)
    took_s = time.perf_counter() - started_s
    return {
        "search_qps": round(len(queries) / took_s, 1),
        "search_recall_at_10": round(recall(release, queries[: config.compared]), 4),
    }


def recall(release: Release, queries: Floats) -> float:
    """The share of the ten nearest entries that search finds, over all value sets."""
    hits = wanted = 0
    for value_set in release.snapshot.value_sets:
        exact = FaissSearch(None).exact(release.value_vectors(value_set))
        _, true = exact.search(queries, TOP_K)
        _, found = release.search(value_set, queries, TOP_K)
        for right, said in zip(true, found, strict=True):
            near = set(right[right >= 0].tolist())
            wanted += len(near)
            hits += len(near & set(said.tolist()))
    return hits / max(1, wanted)


def main() -> None:
    """Make the release, measure, and bring build/bench/throughput.json up to date."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--vectors", type=Path, required=True, help="real vectors, as jobs.train_encoder writes them"
    )
    for name in ("entries", "sets", "queries", "batch", "compared", "threads"):
        parser.add_argument(f"--{name}", type=int, default=getattr(SearchConfig(), name))
    parser.add_argument("--folder", type=Path, default=WORK)
    parser.add_argument("--out", type=Path)
    args = vars(parser.parse_args())
    source, folder, out = args.pop("vectors"), args.pop("folder"), args.pop("out")
    config, base = SearchConfig(**args), load_vectors(source)
    vectors = Composed(base.rows)
    started_s = time.perf_counter()
    release = asyncio.run(released(config, vectors, folder))
    opened_s = time.perf_counter() - started_s
    lists = FaissLists()
    about = {
        "search_entries": config.entries,
        "search_value_sets": config.sets,
        "search_index": repr(lists) if release.manifest.indexes else f"exact: no set above {lists.above}",
        "search_vectors": f"unit sums of {ENTRIES_ARE_OF} of {len(base.rows)} real vectors of {base.model}",
        "search_batch": config.batch,
        "search_threads": config.threads,
        "search_release_made_or_opened_s": round(opened_s, 1),
    }
    report = update(SEARCH, about | measure(release, config, vectors), *([out] if out else []))
    print(table(report))


if __name__ == "__main__":
    main()
