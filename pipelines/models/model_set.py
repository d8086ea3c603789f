"""A model set: folders of weights by role, sealed with their digests, so that what answers can be named and checked.

    FOLDER/version.json     what the set is: parts with versions and digests, what servers must serve, prompt, features
    FOLDER/README.md        its model card
    FOLDER/<role>/...       ranker, calibration, discriminator (adapter), and any other role that recognition opens

Cards and pictures (*.md, *.png) are not part of a digest: they may be put right without becoming another model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.tunnel.plan_folder import write_whole

MANIFEST = "version.json"
CARD = "README.md"
FORMAT = 1
REQUIRED = ("ranker",)
NOT_WEIGHTS = (".md", ".png")
SHOWN = 12


class ModelsDamaged(RuntimeError):
    """A model set is not whole, or not what its seal says. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Part:
    """One role's folder: what it calls itself, the digest of its files, and their sizes in bytes."""

    version: str
    digest: str
    files: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a set was made for beside its own files.

    `serves`: by role, the id that a server must give its model. `feature_version`, `prompt_version`: the program's.
    """

    serves: Mapping[str, str]
    prompt_version: str
    feature_version: int


@dataclass(frozen=True, slots=True)
class ModelSet:
    """A sealed set. `version` names it everywhere; equal content has an equal name."""

    folder: Path
    version: str
    made: str
    parts: Mapping[str, Part]
    facts: Facts
    note: str = ""
    trained_on: Mapping[str, int] = field(default_factory=dict)

    def path(self, role: str) -> Path | None:
        """The folder of a role; None where the set has none."""
        return self.folder / role if role in self.parts else None


def seal(folder: Path, facts: Facts, made: datetime, note: str = "") -> ModelSet:
    """Seal what lies in a folder; a folder whose content and facts are those of its seal keeps its version and time, and
    its note unless one is given.

    Errors: ModelsDamaged where a required role is missing.
    """
    parts = {path.name: part_of(path) for path in sorted(folder.iterdir()) if _is_role(path)}
    missing = [role for role in REQUIRED if role not in parts]
    if missing:
        raise ModelsDamaged(
            f"{folder} holds no {', '.join(missing)}: a model set needs a folder of that name"
        )
    digest = digest_of_parts(parts, facts)
    known = _stated(folder)
    if known is not None and known.get("digest") == digest:
        if note:
            write_whole(folder / MANIFEST, _text(known | {"note": note}))
        return open_set(folder)
    at = made.astimezone(UTC)
    stated = {
        "format": FORMAT,
        "version": f"{at:%Y%m%d.%H%M}-{digest[:8]}",
        "made": at.isoformat(timespec="seconds"),
        "digest": digest,
        "parts": {role: asdict(part) for role, part in parts.items()},
        "facts": asdict(facts),
        "note": note,
        "trained_on": _trained_on(folder / "ranker"),
    }
    write_whole(folder / MANIFEST, _text(stated))
    return open_set(folder)


def _text(stated: Mapping[str, Any]) -> bytes:
    return (json.dumps(stated, indent=1, ensure_ascii=False) + "\n").encode()


def open_set(folder: Path) -> ModelSet:
    """Open a sealed set after comparing every file with the seal. Errors: ModelsDamaged."""
    stated = _stated(folder)
    if stated is None:
        raise ModelsDamaged(
            f"{folder} is no sealed model set ({MANIFEST} is missing or unreadable): restore it, "
            f"or seal what you trained with `python -m jobs.seal_models {folder}`"
        )
    try:
        parts = {role: Part(**part) for role, part in stated["parts"].items()}
        facts = Facts(**stated["facts"])
        found = ModelSet(
            folder, stated["version"], stated["made"], parts, facts, stated["note"], stated["trained_on"]
        )
        is_whole = stated["format"] == FORMAT and stated["digest"] == digest_of_parts(parts, facts)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelsDamaged(
            f"{folder / MANIFEST} is not of this program's form: restore it ({error!r})"
        ) from error
    if not is_whole:
        raise ModelsDamaged(f"{folder / MANIFEST} was changed by hand: restore it from its source")
    for role, part in parts.items():
        _check(folder, role, part)
    unsealed = [path.name for path in sorted(folder.iterdir()) if _is_role(path) and path.name not in parts]
    if unsealed:
        raise ModelsDamaged(
            f"{folder} holds {', '.join(unsealed)}, which version {found.version} does not have: "
            f"seal it with `python -m jobs.seal_models {folder}`, or remove it"
        )
    return found


def part_of(folder: Path) -> Part:
    """A role's folder as it is now. Errors: OSError."""
    paths = _weights(folder)
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(json.dumps([path.relative_to(folder).as_posix(), len(content)]).encode())
        digest.update(content)
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
    return Part(_own_version(folder) or digest.hexdigest()[:SHOWN], digest.hexdigest(), sizes)


def digest_of_parts(parts: Mapping[str, Part], facts: Facts) -> str:
    """Digest of a whole set: its parts' digests and what it was made for."""
    content = [sorted((role, part.digest) for role, part in parts.items()), asdict(facts)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check(folder: Path, role: str, part: Part) -> None:
    path = folder / role
    sizes = {one.relative_to(path).as_posix(): one.stat().st_size for one in _weights(path)}
    missing, added = sorted(part.files.keys() - sizes.keys()), sorted(sizes.keys() - part.files.keys())
    if missing:
        raise ModelsDamaged(
            f"{path}: {', '.join(missing)} is missing: restore it, or release another version"
        )
    if added or part_of(path).digest != part.digest:
        changed = (
            ", ".join(added or [name for name, size in part.files.items() if sizes[name] != size]) or role
        )
        raise ModelsDamaged(
            f"{path}: {changed} is not what was sealed: restore it, or, if you trained it, "
            f"seal it with `python -m jobs.seal_models {folder}`"
        )


def _stated(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _is_role(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith((".", "_")) and bool(_weights(path))


def _weights(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in NOT_WEIGHTS)
    return sorted(path for path in found if not path.name.startswith("."))


def _own_version(folder: Path) -> str:
    """What the folder's <role>.json calls its version; "" where it calls it nothing."""
    try:
        return str(json.loads((folder / f"{folder.name}.json").read_text("utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _trained_on(ranker: Path) -> dict[str, int]:
    try:
        found = json.loads((ranker / "ranker.json").read_text("utf-8"))["trained_on"]
        return {str(name): int(count) for name, count in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
