"""The rejects file: JSON lines, complete or absent."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from schemas.json_form import to_mapping
from schemas.shard import Reject


class RejectWriter:
    """Writes rejects and counts them by reason."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.reasons: Counter[str] = Counter()

    def add(self, reject: Reject) -> None:
        """Write one reject."""
        self._file.write(json.dumps(to_mapping(reject), ensure_ascii=False) + "\n")
        self.reasons[reject.reason] += 1


@contextmanager
def reject_file(path: Path) -> Iterator[RejectWriter]:
    """A writer of rejects; the file gets its name when all are written, and an older one stays until then.

    Errors: OSError (disk full, no permission); nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            yield RejectWriter(file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_rejects(path: Path, rejects: Iterable[Reject]) -> Counter[str]:
    """Write a rejects file; returns how many there are of each reason.

    Errors: as `reject_file`.
    """
    with reject_file(path) as writer:
        for reject in rejects:
            writer.add(reject)
    return writer.reasons
