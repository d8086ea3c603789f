"""A reference model's labels on disk: one line an item, written as it is labelled, so that a cut run goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.models.labelled import PseudoLabels


class TeacherRefused(ValueError):
    """Labels that cannot be read or gone on with; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TeacherFile:
    """The labels of one set by one teacher. `teacher` is what each line says of it (`pipelines.models.teacher.provenance`)."""

    path: Path
    teacher: Mapping[str, Any]

    def done(self) -> set[str]:
        """Items that are labelled already; a last line that was cut short is taken away, to be labelled again.

        Errors: TeacherRefused where the labels are another teacher's, or the file is damaged.
        """
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return set()
        raw = self.path.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if whole != raw:
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        rows = _rows(self.path, whole)
        other = next((row["teacher"] for row in rows if row["teacher"] != self.teacher), None)
        if other is not None:
            raise TeacherRefused(
                f"{self.path} holds labels made otherwise ({json.dumps(other)}): "
                "label with the same settings to go on, or move the file away to begin"
            )
        return {row["item_id"] for row in rows}

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one item's labels, all of the line or (where the process dies) a part that `done` takes away."""
        with self.path.open("ab", buffering=0) as file:
            file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def read_pseudo(path: Path) -> PseudoLabels:
    """A file's labels, as training takes them. Errors: TeacherRefused where there are none, or of several teachers."""
    if not path.exists():
        raise TeacherRefused(f"{path} is missing: run the step `teacher` first")
    raw = path.read_bytes()
    rows = _rows(path, raw[: raw.rfind(b"\n") + 1])
    models = sorted({row["teacher"]["model"] for row in rows})
    if len(models) != 1:
        raise TeacherRefused(f"{path}: labels of one teacher are wanted, there are {models}")
    labels = {
        row["item_id"]: {label["key_id"]: label["values"] for label in row["labels"]}
        for row in rows
        if row["labels"]
    }
    return PseudoLabels(labels, f"teacher:{models[0]}")


def _rows(path: Path, raw: bytes) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(raw.splitlines(), 1):
        try:
            row = json.loads(line)
            rows.append({name: row[name] for name in ("item_id", "labels", "teacher")})
        except (ValueError, KeyError, TypeError) as error:
            raise TeacherRefused(f"{path}:{number} is no line of labels: move the file away") from error
    return rows
