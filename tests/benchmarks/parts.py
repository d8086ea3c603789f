"""Parts of a benchmark file: each bench writes its figures and the machine's facts; `compose` joins them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "build" / "bench"
PACKAGES = (
    "pyspark",
    "hudi",
    "faiss-cpu",
    "numpy",
    "pyarrow",
    "duckdb",
    "lightgbm",
    "apache-flink",
    "kafka-python",
)
Number = int | float


def write_part(name: str, figures: Mapping[str, Number], folder: Path = BENCH / "parts") -> Path:
    """Write the figures of one bench, with machine, versions, load and date, as FOLDER/NAME.json.

    Errors: TypeError for a figure that is no number.
    """
    for figure, value in figures.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"figure {figure} is {value!r}, not a number")
    part = {"name": name, "figures": dict(figures), **facts()}
    folder.mkdir(parents=True, exist_ok=True)
    return _write(folder / f"{name}.json", part)


def compose(out: Path, names: Sequence[str], folder: Path = BENCH / "parts") -> dict[str, Any]:
    """Join parts into one flat JSON file: each figure a key, the newest facts, and each part's date and load.

    Errors: FileNotFoundError naming the bench that has not run; ValueError when two parts name one figure.
    """
    parts = [_read(folder / f"{name}.json", name) for name in names]
    joined: dict[str, Any] = {}
    for part in parts:
        twice = sorted(joined.keys() & part["figures"].keys())
        if twice:
            raise ValueError(f"figure {twice[0]} is in two parts, the second is {part['name']}")
        joined |= part["figures"]
    newest = max(parts, key=lambda part: str(part["date"]))
    joined |= {fact: newest[fact] for fact in facts()}
    joined["parts"] = {part["name"]: {"date": part["date"], "load": part["load"]} for part in parts}
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(out, joined)
    return joined


def facts() -> dict[str, Any]:
    """Machine, versions, load and date, now."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": [round(load, 2) for load in os.getloadavg()],
        "machine": {
            "cpu": _cpu_model(),
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": {"python": platform.python_version(), **_package_versions()},
    }


def _package_versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _read(path: Path, name: str) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: run the bench {name!r} first")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _write(path: Path, content: Mapping[str, Any]) -> Path:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
    partial.rename(path)
    return path
