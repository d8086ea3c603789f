"""One step of set-up, and how it is known to be done already."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Runs one command, its output to the step's log; raises StepFailed when it fails.
RunCommand = Callable[[list[str]], None]


class StepFailed(RuntimeError):
    """A step's command failed; the message names it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step is done when its outputs exist and its stamp holds the digest of its inputs.

    `inputs` are files (a missing one counts as such: a file may be optional); `settings` are other words that
    matter. `after` names the steps that must be done before.
    """

    name: str
    inputs: tuple[Path, ...]
    outputs: tuple[Path, ...]
    run: Callable[[RunCommand], None]
    after: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def digest(step: Step, before: dict[str, str]) -> str:
    """Digest of all that a step's result follows from, the steps before it included."""
    sha = hashlib.sha256()
    words = (step.name, sys.version, *step.settings, *(before[name] for name in step.after))
    for word in (*words, *map(str, step.outputs)):
        sha.update(word.encode("utf-8") + b"\0")
    for path in step.inputs:
        sha.update(path.name.encode("utf-8") + b"\0")
        sha.update(hashlib.sha256(path.read_bytes()).digest() if path.exists() else b"absent")
    return sha.hexdigest()


def is_done(step: Step, stamps: Path, wanted: str) -> bool:
    """Tell whether a step's result is there and up to date."""
    stamp = stamps / step.name
    stamped = stamp.read_text(encoding="ascii") if stamp.exists() else ""
    return stamped == wanted and all(path.exists() for path in step.outputs)


def mark(step: Step, stamps: Path, value: str | None) -> None:
    """Write a step's stamp, or remove it (None) before its result is touched."""
    stamps.mkdir(parents=True, exist_ok=True)
    if value is None:
        (stamps / step.name).unlink(missing_ok=True)
    else:
        (stamps / step.name).write_text(value, encoding="ascii")
