"""What can go wrong with an ontology, as types: callers never match message text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN_FAULTS = 20


class OntologyError(Exception):
    """Anything of this package that a person can put right; the message says how."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with one row. `line` counts from 1; 0 means the file as a whole."""

    file: str
    line: int
    reason: str
    detail: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.reason}: {self.detail}"


class OntologyRefused(OntologyError):
    """An import or a change file breaks its contract; nothing of it was taken over."""

    def __init__(self, faults: Sequence[Fault], complete: bool = True) -> None:
        self.faults = tuple(faults)
        self.complete = complete
        super().__init__(self._words())

    def _words(self) -> str:
        count = f"{len(self.faults)}" if self.complete else f"at least {len(self.faults)}"
        lines = [str(fault) for fault in self.faults[:SHOWN_FAULTS]]
        if len(self.faults) > SHOWN_FAULTS:
            lines.append(f"... and {len(self.faults) - SHOWN_FAULTS} more")
        return f"refused, nothing was imported: {count} fault(s)\n" + "\n".join(lines)


class UnknownVersion(OntologyError):
    """No such ontology, or no such version of it."""


class OntologyBusy(OntologyError):
    """Another process holds the lock of this ontology or vector store for too long."""


class Damaged(OntologyError):
    """Files of a version or a release are missing or do not hold what their manifest says."""


class BadVectors(OntologyError):
    """The encoder returned vectors of a wrong number, size or length."""


class ModelMismatch(OntologyError):
    """The encoder at hand is not the one that the vectors were made with."""
