"""The whole job on real input, by its DAG: wdc_pave and ae_110k with their ontologies, each run twice.

Run: `python -m tests.benchmarks.real_input`, the servers being up. Writes build/bench/real_input.json: seconds of both runs,
what was read, rejected, recognised and merged, and what the second run of the same day did again (0).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.parts import BENCH, ROOT, compose, write_part

SHARED = Path(os.environ.get("AIIC_SHARED_DATA", ROOT / "../shared/data"))
DAYS = {"wdc_pave": "2026-11-02", "ae_110k": "2026-11-03"}
COUNTS = ("listings_read", "rejected", "items_recognised", "triples", "rows_merged", "rows_changed")


def main() -> int:
    """Run both sets twice in a warehouse of their own."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="aiic-real-") as scratch:
        for name, day in DAYS.items():
            first_s, report = _run(SHARED / name, day, Path(scratch))
            results = _results(Path(scratch), day)
            second_s, _ = _run(SHARED / name, day, Path(scratch))
            figures |= {f"{name}_{count}": report["counts"].get(count, 0) for count in COUNTS}
            figures |= {f"{name}_s": round(first_s, 1), f"{name}_again_s": round(second_s, 1)}
            figures[f"{name}_shards"] = len(results)
            figures[f"{name}_shards_repeated"] = sum(
                results.get(path) != stamp for path, stamp in _results(Path(scratch), day).items()
            )
    write_part("real_input", figures)
    print(json.dumps(compose(BENCH / "real_input.json", ["real_input"]), indent=1))
    return 0


def _run(folder: Path, day: str, warehouse: Path) -> tuple[float, dict[str, dict[str, float]]]:
    started_s = time.monotonic()
    words = [
        "run",
        "--day",
        day,
        "--listings",
        str(folder / "listings.jsonl"),
        "--ontology",
        str(folder / "ontology"),
    ]
    subprocess.run(
        [str(ROOT / "aiic"), *words, "--warehouse", str(warehouse), "--via", "airflow"], check=True
    )
    (report,) = (warehouse / "offline" / day).glob("*/report.json")
    return time.monotonic() - started_s, json.loads(report.read_text("utf-8"))


def _results(warehouse: Path, day: str) -> dict[str, tuple[int, int]]:
    """Inode and time of every finished shard: a shard that is done again is another file."""
    found = (warehouse / "offline" / day).glob("*/results/*.parquet")
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


if __name__ == "__main__":
    sys.exit(main())
