"""From what a person names as a candidate to a registered version."""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from jobs.models import facts_of
from pipelines.models.model_set import CARD, MANIFEST, ModelSet, open_set, part_of, seal
from pipelines.models.model_set_card import set_card
from pipelines.models.registry import Registry

CALIBRATION, RANKER = "calibration", "ranker"


def registered(registry: Registry, named: str, note: str = "") -> ModelSet:
    """A version by its name, or a folder of roles, completed by the current version's other roles, as a new version.

    Errors: RegistryError, ModelsDamaged, OSError.
    """
    folder = Path(named)
    if not folder.is_dir():
        return registry.get(named)
    if (folder / MANIFEST).is_file():
        return registry.register(folder)
    registry.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".candidate-", dir=registry.root) as scratch:
        made = Path(scratch) / "models"
        assemble(folder, registry.current(), made)
        sealed = seal(made, facts_of(made), datetime.now(UTC), note)
        (made / CARD).write_text(set_card(sealed), "utf-8")
        return registry.register(made)


def assemble(folder: Path, current: ModelSet, made: Path) -> None:
    """Put a candidate's own roles and the current version's others together.

    A calibration belongs to its ranker: with a ranker of its own, a candidate has its own calibration or none.
    Errors: ValueError where the folder has no role in it; OSError.
    """
    own = [path for path in sorted(folder.iterdir()) if path.is_dir() and part_of(path).files]
    if not own:
        raise ValueError(
            f"{folder} holds no folder with weights: give one with ranker/, calibration/, discriminator/, ..."
        )
    for path in own:
        shutil.copytree(path, made / path.name)
    names = {path.name for path in own}
    for role in current.parts:
        if role in names or (role == CALIBRATION and RANKER in names):
            continue
        shutil.copytree(current.folder / role, made / role)
    if RANKER in names and CALIBRATION not in names:
        print(f"{folder} has a ranker but no calibration: its confidence stays as it is", file=sys.stderr)


def export(registry: Registry, version: str, folder: Path) -> ModelSet:
    """Copy a version's weights and cards into a folder, e.g. the repository's `models/`; other files there stay.

    Errors: RegistryError, ModelsDamaged, OSError.
    """
    found = registry.get(version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)  # while it is written, the folder is no whole set
    for role in found.parts:
        shutil.rmtree(folder / role, ignore_errors=True)
        shutil.copytree(found.folder / role, folder / role)
    for name in (CARD, MANIFEST):
        if (found.folder / name).is_file():
            shutil.copy2(found.folder / name, folder / name)
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    return open_set(folder)
