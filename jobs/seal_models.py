"""Seals a folder of models, so that recognition takes it for what it is: `python -m jobs.seal_models [FOLDER]`.

FOLDER (default: the repository's `models/`) has one folder a role. Training jobs that write into a sealed folder seal it
again; copy an adapter by hand, and this is to be run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from jobs.models import SHIPPED, facts_of
from pipelines.library.calibration import FILE
from pipelines.library.ranker import META
from pipelines.models.model_set import CARD, MANIFEST, ModelsDamaged, ModelSet, seal
from pipelines.models.model_set_card import figures_of, set_card


def main() -> int:
    """Seal, and name the version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SHIPPED)
    parser.add_argument("--note", default="", help="a line that says what is new")
    args = parser.parse_args()
    try:
        found = seal_with_card(args.folder, args.note)
    except (ModelsDamaged, OSError) as error:
        print(f"seal_models: {error}", file=sys.stderr)
        return 1
    print(f"{args.folder}: version {found.version} ({', '.join(found.parts)})")
    return 0


def seal_with_card(folder: Path, note: str = "") -> ModelSet:
    """Seal a folder and write its card; figures that the card had stay, under the version that they are of.

    Errors: ModelsDamaged, OSError.
    """
    card = folder / CARD
    figures = figures_of(card.read_text("utf-8")) if card.is_file() else ""
    found = seal(folder, facts_of(folder), datetime.now(UTC), note)
    card.write_text(set_card(found, figures), "utf-8")
    return found


def reseal(folder: Path) -> None:
    """Seal a folder again that was sealed before; another is left alone.

    A calibration of another ranker than the folder's is removed: it would be refused. Errors: ModelsDamaged, OSError.
    """
    if (folder / MANIFEST).is_file():
        _drop_stale_calibration(folder)
        found = seal_with_card(folder)
        print(f"{folder}: sealed as version {found.version}", file=sys.stderr)


def _drop_stale_calibration(folder: Path) -> None:
    made_for, version = (
        _stated(folder / "calibration" / FILE, "ranker"),
        _stated(folder / "ranker" / META, "version"),
    )
    if made_for is not None and made_for != version:
        shutil.rmtree(folder / "calibration")
        print(
            f"{folder / 'calibration'} was of ranker {made_for} and is removed: fit one for ranker {version} with "
            "`python -m jobs.fit_calibration`",
            file=sys.stderr,
        )


def _stated(path: Path, name: str) -> str | None:
    try:
        return str(json.loads(path.read_text("utf-8"))[name])
    except (OSError, ValueError, KeyError, TypeError):
        return None


if __name__ == "__main__":
    sys.exit(main())
