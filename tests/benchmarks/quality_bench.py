"""Quality on the held-out fifth of each labelled set, by `aiic evaluate`, into build/bench/quality.json.

Run: `python -m tests.benchmarks.quality_bench [--discriminator MODE]`. Sets that are not there are left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.parts import BENCH, ROOT, compose, write_part

SHARED = Path(os.environ.get("AIIC_SHARED_DATA", ROOT / "../shared/data"))
SETS = {
    "wdc_pave": SHARED / "wdc_pave",
    "oa_mine": SHARED / "oa_mine",
    "ae_110k": SHARED / "ae_110k",
    "demo": ROOT / "infra/demo/catalog",
}
FIGURES = ("precision", "recall", "f1")


def main() -> int:
    """Evaluate every set that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--discriminator", default="cascade", choices=("cascade", "all", "off"))
    mode = parser.parse_args().discriminator
    figures: dict[str, float] = {}
    for name, folder in SETS.items():
        if not folder.is_dir():
            print(f"{name}: {folder} is not there, left out", file=sys.stderr)
            continue
        found = _evaluate(folder, mode)
        figures |= {f"{name}_{figure}": round(float(found[figure]), 4) for figure in FIGURES}
        figures[f"{name}_pairs"] = int(found["pairs"])
        print(f"{name}: " + " ".join(f"{figure} {found[figure]:.4f}" for figure in FIGURES), flush=True)
    part = "quality" if mode == "cascade" else f"quality_{mode}"
    write_part(part, figures)
    compose(BENCH / f"{part}.json", [part])
    return 0


def _evaluate(folder: Path, mode: str) -> dict[str, float]:
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        words = ["--split", "held-out-fifth", "--discriminator", mode, "--json", out.name]
        files = [f"--{name}" for name in ("ontology", "listings", "gold")]
        paths = [folder / "ontology", folder / "listings.jsonl", folder / "gold.jsonl"]
        given = [str(word) for pair in zip(files, paths, strict=True) for word in pair]
        subprocess.run(
            [str(ROOT / "aiic"), "evaluate", *given, *words], check=True, stdout=subprocess.DEVNULL
        )
        loaded: dict[str, float] = json.loads(Path(out.name).read_text("utf-8"))
        return loaded


if __name__ == "__main__":
    sys.exit(main())
