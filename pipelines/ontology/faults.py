"""Collects what is wrong with an import, so that a person sees all of it at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.ontology.errors import Fault, OntologyRefused

MAX_FAULTS = 100


@dataclass(slots=True)
class Faults:
    """The faults found so far, at most `limit`."""

    limit: int = MAX_FAULTS
    found: list[Fault] = field(default_factory=list)

    def add(self, file: str, line: int, reason: str, detail: str) -> None:
        """Note one fault. Errors: OntologyRefused as soon as the limit is reached."""
        self.found.append(Fault(file, line, reason, detail))
        if len(self.found) >= self.limit:
            raise OntologyRefused(self._sorted(), complete=False)

    def refuse_if_any(self) -> None:
        """Errors: OntologyRefused when anything was noted."""
        if self.found:
            raise OntologyRefused(self._sorted())

    def _sorted(self) -> list[Fault]:
        return sorted(self.found, key=lambda fault: (fault.file, fault.line))
