"""Where a model lies inside an installed package, and how a finished model directory is put in place."""

import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path


class ModelError(RuntimeError):
    """A model cannot be made, or does not behave as it must."""


def package_file(distribution: str, suffix: str) -> Path:
    """Return the one file of an installed distribution whose path ends with `suffix`.

    Errors: ModelError when the distribution, or exactly one such file, is not there.
    """
    try:
        found = [entry for entry in files(distribution) or [] if str(entry).endswith(suffix)]
    except PackageNotFoundError:
        raise ModelError(f"package {distribution} is not installed here: run `make setup`") from None
    if len(found) != 1:
        raise ModelError(f"package {distribution} holds {len(found)} files named *{suffix}, expected one")
    return Path(str(found[0].locate()))


def put_in_place(out: Path, build: Callable[[Path], None]) -> None:
    """Let `build` fill a directory beside `out`, then rename it over `out`, so that a half-made model is never read."""
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        build(partial)
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
