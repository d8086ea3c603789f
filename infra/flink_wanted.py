"""What somebody wants to run in the session cluster: one file a job, from its start until somebody ends it.

The cluster itself forgets its jobs with its JobManager; whoever starts them again reads here with which settings.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "wanted.json"


class WantedUnreadable(RuntimeError):
    """The record of a wanted job is not one that this program wrote. The message says what to do."""


@dataclass(frozen=True, slots=True)
class WantedJob:
    """A job that is to run. `settings`: its own, as text. Units: Unix ms.

    `since_ms`: states written before are not its own, as it was started from nothing then; 0 where it was not.
    """

    settings: str
    since_ms: int = 0


def note_wanted(folder: Path, wanted: WantedJob) -> None:
    """Write it down in the job's folder, in one step; settings may hold keys, so the file is its owner's alone."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{NAME}.partial"
    partial.unlink(missing_ok=True)
    with os.fdopen(
        os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump(asdict(wanted), file)
    partial.replace(folder / NAME)


def wanted_job(folder: Path) -> WantedJob | None:
    """What was written down; None where the job is not wanted. Errors: WantedUnreadable."""
    path = folder / NAME
    try:
        return WantedJob(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise WantedUnreadable(
            f"{path} cannot be read ({error}): delete it, then start the job again"
        ) from error


def forget_wanted(folder: Path) -> None:
    """It is not to run any more."""
    (folder / NAME).unlink(missing_ok=True)
