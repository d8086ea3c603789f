"""`make bench`: every figure of the offline tier, each bench a process of its own, joined in build/bench/offline.json.

Run: `python -m tests.benchmarks.offline [BENCH...]`. The encoder and discriminator servers are started where they are not up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

from tests.benchmarks.parts import BENCH, ROOT, compose

# The keys that offline.json has; the other figures of a bench stand in its own file.
OFFLINE = {"ontology": "ontology_bench", "merge": "merge_bench", "search": "search_bench"}
QUALITY = {"quality": "quality_bench"}
ALL = OFFLINE | QUALITY


def main() -> int:
    """Run the benches, print their figures, and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bench", nargs="*", choices=[*ALL, []], help="only these; default: all")
    wanted = parser.parse_args().bench or list(ALL)
    subprocess.run([str(ROOT / "aiic"), "up", "--only", "encoder,discriminator"], check=True)
    failed = [name for name in wanted if not _run(name)]
    if not failed and set(OFFLINE) <= set(wanted):
        path = BENCH / "offline.json"
        figures = compose(path, list(OFFLINE))
        print(json.dumps(figures, indent=1, ensure_ascii=False))
        print(path.relative_to(ROOT))
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str) -> bool:
    print(f"== {name}", flush=True)
    started_s = time.monotonic()
    done = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{ALL[name]}"], cwd=ROOT, check=False)
    print(f"   {name}: exit {done.returncode} after {time.monotonic() - started_s:.0f} s", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
