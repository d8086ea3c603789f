"""API keys: who may ask a service, and how much. Only digests are kept; keys are random, so that a plain digest is enough."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEY_BYTES = 32
DEFAULT_ITEMS_PER_S = 20_000.0
DEFAULT_BURST = 20_000


class KeysError(ValueError):
    """The file of keys cannot be used. The message says what to do."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One caller. Units: items a second, and how many at once after a pause; a request counts as one item at least."""

    name: str
    sha256: str
    items_per_s: float = DEFAULT_ITEMS_PER_S
    burst: int = DEFAULT_BURST


def load_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys of a TOML file: tables [[key]] with name, sha256 and optionally items_per_s and burst. Errors: KeysError."""
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("key", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise KeysError(
            f"{path}: cannot be read: make a key with `./aiic serve --new-key NAME`: {error}"
        ) from error
    keys = tuple(_key(path, table) for table in tables) if isinstance(tables, list) else ()
    if not keys or len({key.name for key in keys}) < len(keys):
        raise KeysError(f"{path}: needs at least one [[key]], each with a name of its own")
    return keys


def find_key(keys: Sequence[ApiKey], presented: str) -> ApiKey | None:
    """The key that was presented. Takes the same time whichever it is, and whether or not it is one."""
    digest = digest_of(presented)
    found = None
    for key in keys:
        if hmac.compare_digest(key.sha256, digest):
            found = key
    return found


def digest_of(secret: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def add_key(path: Path, name: str) -> str:
    """Make a key and add it to the file; returns the key, which is nowhere else then. Errors: KeysError."""
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise KeysError(f"{name!r} cannot name a key: use letters, digits, '-' and '_'")
    if path.exists() and name in {key.name for key in load_keys(path)}:
        raise KeysError(f"{path} has a key {name!r} already: remove it there first, or choose another name")
    secret = secrets.token_urlsafe(KEY_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f'[[key]]\nname = "{name}"\nsha256 = "{digest_of(secret)}"\n\n')
    path.chmod(0o600)
    return secret


def first_key(keys_file: Path, secret_file: Path) -> None:
    """Give a new local service its first key, `local`, kept beside it for this user alone; nothing where keys exist."""
    if keys_file.exists():
        return
    secret = add_key(keys_file, "local")
    handle = os.open(secret_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secret + "\n")


def _key(path: Path, table: Any) -> ApiKey:
    try:
        key = ApiKey(**table)
        bytes.fromhex(key.sha256)
        sound = len(key.sha256) == 64 and key.items_per_s > 0 and key.burst > 0 and bool(key.name)
    except (TypeError, ValueError) as error:
        raise KeysError(f"{path}: a [[key]] is wrong: {error}") from error
    if not sound:
        raise KeysError(
            f"{path}: key {key.name!r}: sha256 has 64 hex digits, items_per_s and burst are above 0"
        )
    return key
