"""The discriminator's opinions on open pairs, kept by `jobs.fit_cascade` for `jobs.fit_calibration`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.models.cascade_fit import Opinion


@dataclass(frozen=True, slots=True)
class KeptOpinion:
    """An opinion with its pair: the kind of the key, whether it may have several values, the product family."""

    opinion: Opinion
    kind: str
    multi: bool
    family: str


def write_opinions(path: Path, ranker: str, opinions: Sequence[KeptOpinion]) -> None:
    """Keep opinions. `ranker`: version of the ranker that left the pairs open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"ranker": ranker, "opinions": [asdict(one) for one in opinions]}), "utf-8")


def read_opinions(path: Path, ranker: str) -> list[KeptOpinion] | None:
    """The opinions kept for this ranker; None where there are none, or only another ranker's.

    Errors: ValueError, KeyError, TypeError for a file of another form.
    """
    if not path.is_file():
        return None
    found = json.loads(path.read_text("utf-8"))
    if found["ranker"] != ranker:
        return None
    return [KeptOpinion(**(one | {"opinion": Opinion(**one["opinion"])})) for one in found["opinions"]]
