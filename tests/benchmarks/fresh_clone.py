"""What a newcomer waits for: `make demo` in a fresh clone with empty caches, then again.

Run: `python -m tests.benchmarks.fresh_clone`, nothing else running. Caches of package clients are set to an empty folder.
The ports are the next hundred, so a stack that runs here is left alone. Writes build/bench/fresh_clone.json.
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

PORTS = {
    "AIIC_KAFKA_PORT": 19192,
    "AIIC_KAFKA_CONTROLLER_PORT": 19193,
    "AIIC_DISCRIMINATOR_PORT": 18200,
    "AIIC_ENCODER_PORT": 18201,
}


def main() -> int:
    """Clone, run the demo twice, end its servers."""
    with tempfile.TemporaryDirectory(prefix="aiic-clone-") as scratch:
        clone, caches = Path(scratch) / "clone", Path(scratch) / "caches"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith("AIIC_")}
        env |= {name: str(port) for name, port in PORTS.items()}
        env |= {"UV_CACHE_DIR": str(caches / "uv"), "PIP_CACHE_DIR": str(caches / "pip")}
        env |= {"MAVEN_OPTS": f"-Dmaven.repo.local={caches / 'm2'}", "XDG_CACHE_HOME": str(caches / "xdg")}
        try:
            seconds = [_timed(clone, env), _timed(clone, env)]
        finally:
            subprocess.run(["./aiic", "down"], cwd=clone, env=env, check=False)
    figures = {"demo_first_s": round(seconds[0], 1), "demo_again_s": round(seconds[1], 1)}
    write_part("fresh_clone", figures)
    print(json.dumps(compose(BENCH / "fresh_clone.json", ["fresh_clone"]), indent=1))
    return 0


def _timed(clone: Path, env: dict[str, str]) -> float:
    started_s = time.monotonic()
    subprocess.run(["make", "demo"], cwd=clone, env=env, check=True)
    return time.monotonic() - started_s


if __name__ == "__main__":
    sys.exit(main())
