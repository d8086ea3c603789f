"""Generations: the counter of what computed a row, the second part of a row's version (design.md, T4)."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.tunnel.plan_folder import write_whole
from udfs.version import MAX_GENERATION


class GenerationError(RuntimeError):
    """The counter cannot be read, or is used up. The message says what to do."""


def generation_of(path: Path, ontology_version: str, model: str, plan_id: str) -> int:
    """The generation of this ontology, model and plan: the one it was given before, else the next number.

    Safe against other processes of this machine (file lock) and against being killed (written whole or not at
    all), so that a number is never given twice and a repeated plan keeps its own.
    Errors: GenerationError.
    """
    key = json.dumps([ontology_version, model, plan_id], ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.with_name(f"{path.name}.lock")):
        given = _read(path)
        if key not in given:
            number = max(given.values(), default=0) + 1
            if number > MAX_GENERATION:
                raise GenerationError(
                    f"{path}: all {MAX_GENERATION} generations are used: rewrite the tables with a new epoch"
                )
            given[key] = number
            write_whole(path, json.dumps({"given": given}, ensure_ascii=False, indent=0).encode())
        return given[key]


def _read(path: Path) -> dict[str, int]:
    try:
        content: Any = json.loads(path.read_text("utf-8"))
        return {str(key): int(number) for key, number in content["given"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GenerationError(
            f"{path}: not readable ({error}): restore it from a copy; starting anew would let old rows win"
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; the kernel frees it when the process dies."""
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)
