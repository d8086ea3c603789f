"""Seals a folder of models, so that recognition takes it for what it is: `python -m jobs.seal_models [FOLDER]`.

FOLDER (default: the repository's `models/`) has one folder a role. Training jobs that write into a sealed folder seal it
again; copy an adapter by hand, and this is to be run.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from jobs.models import SHIPPED, facts_of
from pipelines.models.model_set import MANIFEST, ModelsDamaged, seal


def main() -> int:
    """Seal, and name the version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SHIPPED)
    parser.add_argument("--note", default="", help="a line that says what is new")
    args = parser.parse_args()
    try:
        found = seal(args.folder, facts_of(args.folder), datetime.now(UTC), args.note)
    except (ModelsDamaged, OSError) as error:
        print(f"seal_models: {error}", file=sys.stderr)
        return 1
    print(f"{args.folder}: version {found.version} ({', '.join(found.parts)})")
    return 0


def reseal(folder: Path) -> None:
    """Seal a folder again that was sealed before; another is left alone. Errors: ModelsDamaged, OSError."""
    if (folder / MANIFEST).is_file():
        found = seal(folder, facts_of(folder), datetime.now(UTC))
        print(f"{folder}: sealed as version {found.version}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
