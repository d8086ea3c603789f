"""`make bench-million`: everything of the offline tier but the model, up to a million SKUs, on one machine; memory must be flat.

    python -m tests.benchmarks.million [--items 100000 500000 1000000] [--steps make plan index recognise merge] [--again]

Each step is a process of its own; seconds, rows a second and the greatest resident memory of the process and all its children
(Spark's JVM, Python workers) go to build/bench/million.json as soon as it ends. What is there is not run again unless asked,
so the bench can be run in parts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.million_steps import ALL, Size
from tests.benchmarks.parts import BENCH, facts

MILLION = BENCH / "million.json"
WAREHOUSES = BENCH / "million"
SIZES = (100_000, 500_000, 1_000_000)
EVERY_S = 0.25
MB = 2**20
HEAP = {"plan": "1g", "merge": "2g"}
"""Spark's heap by step. Java takes what it may take before it tidies up: a larger one shows the limit, not what is needed."""
FLAT = 1.5
"""How much more memory the largest size may take than the smallest, ten times as small: a small part of ten."""


class StepFailed(RuntimeError):
    """A step ended with an error; its output says which."""


def run_step(step: str, items: int, warehouse: Path) -> dict[str, float]:
    """Run one step in a process of its own; what it did, and its peak memory. Errors: StepFailed."""
    words = [sys.executable, "-m", "tests.benchmarks.million_steps", step]
    words += ["--items", str(items), "--warehouse", str(warehouse)]
    words += ["--heap", HEAP[step]] if step in HEAP else []
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    peak = _Peak(process.pid)
    said, _ = process.communicate()
    peak_mb = peak.stop()
    if process.returncode:
        raise StepFailed(f"{step} of {items} items ended with {process.returncode}: see its output above")
    did: dict[str, float] = json.loads(said.splitlines()[-1])
    rate = round(did["rows"] / max(did["seconds"], 1e-9), 1)
    return {**did, "rows_per_s": rate, "peak_mb": round(peak_mb, 1)}


class _Peak:
    """Watches the resident memory of a process and all its children until stopped."""

    def __init__(self, pid: int) -> None:
        self._pid, self._peak, self._ended = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """The greatest sum seen. Units: MB."""
        self._ended.set()
        self._thread.join()
        return self._peak / MB

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            self._peak = max(self._peak, resident(self._pid))


def resident(pid: int) -> int:
    """Resident bytes of a process and all its children, shared pages once; what has ended meanwhile counts nothing.

    Java forks for each command of a shell it runs: for a moment all its memory would count twice.
    """
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in family:
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


def read(path: Path) -> dict[str, Any]:
    """What was measured so far, by size and step."""
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {"sizes": {}}


def note(path: Path, items: int, step: str, did: Mapping[str, float]) -> dict[str, Any]:
    """Add one step's figures to the file."""
    found = read(path)
    found["sizes"].setdefault(str(items), {})[step] = {
        **did,
        "date": facts()["date"],
        "load": facts()["load"],
    }
    found |= {
        "spark_heap": HEAP,
        "model": f"STUB, {Size(1, path).pairs_a_second:,.0f} pairs a second; vectors made up",
        **facts(),
    }
    found["memory_ratio"] = ratios(found["sizes"])
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    partial.replace(path)
    return found


def ratios(sizes: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, float]:
    """By step, the peak memory of the largest size that ran it over that of the smallest.

    >>> ratios({"10": {"plan": {"peak_mb": 100.0}}, "100": {"plan": {"peak_mb": 120.0}}})
    {'plan': 1.2}
    """
    found = {}
    for step in ALL:
        ran = [(int(size), steps[step]["peak_mb"]) for size, steps in sizes.items() if step in steps]
        if len(ran) > 1:
            found[step] = round(max(ran)[1] / min(ran)[1], 2)
    return found


def table(found: Mapping[str, Any]) -> str:
    """One line a size and step, then whether memory is flat."""
    lines = [f"{'items':>9} {'step':10} {'seconds':>9} {'rows/s':>10} {'peak MB':>9}"]
    for size in sorted(found["sizes"], key=int):
        for step in (step for step in ALL if step in found["sizes"][size]):
            did = found["sizes"][size][step]
            shown = f"{did['seconds']:9,.1f} {did['rows_per_s']:10,.0f} {did['peak_mb']:9,.0f}"
            lines.append(f"{int(size):9,} {step:10} {shown}")
    for step, ratio in found.get("memory_ratio", {}).items():
        flat = "flat" if ratio <= FLAT else "NOT flat"
        lines.append(f"memory of {step}, largest over smallest size: {ratio:g} ({flat}, at most {FLAT:g})")
    return "\n".join(lines)


def run(sizes: Sequence[int], steps: Sequence[str], again: bool, out: Path, warehouses: Path) -> None:
    """Run what is wanted and not there yet, the steps in order."""
    for items in sizes:
        for step in (step for step in ALL if step in steps):
            if step in read(out)["sizes"].get(str(items), {}) and not again:
                print(f"{items:,} items, {step}: measured before", file=sys.stderr)
                continue
            note(out, items, step, run_step(step, items, warehouses / str(items)))
    print(table(read(out)))


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--steps", nargs="+", choices=list(ALL), default=list(ALL))
    parser.add_argument("--again", action="store_true", help="measure again what was measured before")
    parser.add_argument("--out", type=Path, default=MILLION)
    parser.add_argument("--warehouses", type=Path, default=WAREHOUSES)
    args = parser.parse_args()
    run(args.items, args.steps, args.again, args.out, args.warehouses)


if __name__ == "__main__":
    main()
