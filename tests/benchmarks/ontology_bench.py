"""Figures of the ontology: import and release of the whole backbone, and of a change of 100 entries.

Run: `python -m tests.benchmarks.ontology_bench`, an encoder server being up (AIIC_ENCODER_URL; `./aiic up`).
Each command runs as a fresh process, in a warehouse of its own, as a person would run it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra.faiss import FaissLists, FaissSearch
from infra.vllm import EncoderClient
from pipelines.ontology.release import Release, open_release
from tests.benchmarks.parts import BENCH, compose, write_part

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("AIIC_SHARED_DATA", ROOT / "../shared/data"))
ENCODER_URL = "http://127.0.0.1:18101/v1"
CHANGED_ENTRIES = 100
TOP_K = 10
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished command."""

    seconds: float
    peak_mb: float
    said: dict[str, object]


def main() -> int:
    """Measure, print and write build/bench/ontology.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", type=Path, default=SHARED / "ontology_backbone")
    parser.add_argument("--encoder-url", default=os.environ.get("AIIC_ENCODER_URL", ENCODER_URL))
    args = parser.parse_args()
    if not args.backbone.is_dir():
        print(f"there is no backbone at {args.backbone}: set AIIC_SHARED_DATA", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="aiic-ontology-bench-") as folder:
        figures = measure(args.backbone, args.encoder_url, Path(folder))
    write_part("ontology", figures)
    print(json.dumps(compose(BENCH / "ontology.json", ["ontology"]), ensure_ascii=False, indent=1))
    return 0


def measure(backbone: Path, encoder_url: str, warehouse: Path) -> dict[str, float]:
    """Import, release, change and release again; then search what was made."""
    imported = aiic(warehouse, "import", str(backbone))
    again = aiic(warehouse, "import", str(backbone))
    if not again.said["unchanged"]:
        raise RuntimeError("the same import again made a new version")
    first = aiic(warehouse, "release", "--encoder-url", encoder_url)
    changes = warehouse / "changes.jsonl"
    changes.write_text("\n".join(json.dumps(row) for row in change_rows(first)) + "\n", "utf-8")
    applied = aiic(warehouse, "apply", str(changes))
    delta = aiic(warehouse, "release", "--encoder-url", encoder_url)
    counts = imported.said["counts"]
    if not isinstance(counts, dict):
        raise TypeError("the import told no counts")
    figures = {
        "import_s": imported.seconds,
        "import_peak_mb": imported.peak_mb,
        "import_entries": counts["entries"],
        "reimport_s": again.seconds,
        "release_s": first.seconds,
        "release_peak_mb": first.peak_mb,
        "apply_delta_s": applied.seconds,
        "release_delta_s": applied.seconds + delta.seconds,
    }
    found = search_figures(Path(str(delta.said["folder"])), encoder_url)
    return {name: round(value, 4) for name, value in (figures | found).items()}


def aiic(warehouse: Path, command: str, *args: str) -> Ran:
    """Run `aiic ontology` as a fresh process; its wall time and greatest resident memory."""
    line = [sys.executable, "-m", "jobs.cli", "ontology", command, *args, "--name", "bench", "--json"]
    line += ["--warehouse", str(warehouse)]
    print("$ aiic " + " ".join(line[3:]), file=sys.stderr, flush=True)
    out = warehouse / "out.json"
    started_s = time.monotonic()
    # fork and wait4 rather than subprocess: only so is the peak memory of this one child known.
    pid = os.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.execv(line[0], line)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - started_s
    if status:
        raise RuntimeError(f"aiic {' '.join(line[3:])} ended with {os.waitstatus_to_exitcode(status)}")
    said = json.loads(out.read_text("utf-8"))
    print(f"  {seconds:.1f} s, {usage.ru_maxrss / 1024:.0f} MB", file=sys.stderr, flush=True)
    return Ran(seconds, usage.ru_maxrss / 1024, said)


def change_rows(first: Ran) -> list[dict[str, object]]:
    """100 changes: new values of keys that few or many categories have, new categories, a retirement."""
    snapshot = open_release(str(first.said["folder"])).snapshot
    links = sorted(snapshot.links(), key=lambda link: (link.key.key_id, link.key.category_id))
    rows: list[dict[str, object]] = []
    for number in range(CHANGED_ENTRIES - 10):
        key = links[number * len(links) // CHANGED_ENTRIES].key
        everywhere = number % 9 == 0
        category_id = "*" if everywhere else key.category_id
        ids = {"category_id": category_id, "key_id": key.key_id, "value_id": f"bench_{number}"}
        rows.append({"op": "upsert", "kind": "value", **ids, "text": f"Bench value {number}"})
    for number in range(9):
        ids = {"category_id": f"bench-{number}", "parent_id": links[number].key.category_id}
        rows.append({"op": "upsert", "kind": "category", **ids, "name": f"Bench category {number}"})
    rows.append(
        {
            "op": "retire",
            "kind": "key",
            "category_id": links[-1].key.category_id,
            "key_id": links[-1].key.key_id,
        }
    )
    return rows


def search_figures(folder: Path, encoder_url: str) -> dict[str, float]:
    """Opening time; recall of what is stored (half precision) and of the index of large sets, against exact float32."""
    started_s = time.monotonic()
    release = open_release(folder, FaissSearch())
    opened_s = time.monotonic() - started_s
    texts, queries = asyncio.run(_encoded(release, encoder_url))
    truth = _top(queries, texts)
    halves = _top(queries, texts.astype(np.float16).astype(np.float32))
    lists = FaissLists()
    index = folder.parent / "bench.bin"
    lists.build(texts, index)
    _, found = lists.load(index).search(queries, TOP_K)
    largest = max(release.snapshot.value_sets.values(), key=lambda found: len(found.values))
    started_s = time.monotonic()
    for query in queries:
        release.search(largest.value_set_id, query[None], TOP_K)
    search_s = (time.monotonic() - started_s) / len(queries)
    return {
        "open_release_s": opened_s,
        "half_precision_recall_at_10": _recall(truth, halves),
        "lists_index_recall_at_10": _recall(truth, found),
        "search_largest_set_us": search_s * 1e6,
    }


async def _encoded(release: Release, encoder_url: str) -> tuple[Floats, Floats]:
    """Vectors of 4,000 values as the encoder gives them, and of 200 queries made of two values each."""
    values = [
        f"{found.context}: {value.text}"
        for found in release.snapshot.value_sets.values()
        for value in found.values
    ]
    rng = np.random.default_rng(1)
    chosen = [values[at] for at in rng.choice(len(values), 4_000, replace=False)]
    queries = [f"{chosen[2 * at]}, {chosen[2 * at + 1]}" for at in range(200)]
    async with EncoderClient(encoder_url) as client:
        return await client.embed(chosen), await client.embed(queries)


def _top(queries: Floats, vectors: Floats) -> npt.NDArray[np.int64]:
    return np.argsort(-(queries @ vectors.T), axis=1)[:, :TOP_K].astype(np.int64)


def _recall(truth: npt.NDArray[np.int64], found: npt.NDArray[np.int64]) -> float:
    return float(np.mean([len(set(a) & set(b)) / TOP_K for a, b in zip(truth, found, strict=True)]))


if __name__ == "__main__":
    sys.exit(main())
