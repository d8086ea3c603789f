"""Make sure that an ontology is imported and released before a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from jobs.commands import ontology
from jobs.released import find_release, interchange_name, newest_release
from pipelines.ontology.errors import OntologyError
from pipelines.ontology.release import MANIFEST
from pipelines.ontology.store import OntologyStore


def prepare_ontology(warehouse: Path, given: str) -> Path:
    """The release of a name, a release folder, or an interchange folder; imported and released where it is not yet.

    Errors: OntologyError; those of import and release are told by these commands themselves.
    """
    folder = Path(given)
    if (folder / MANIFEST).is_file():
        return find_release(warehouse, given)
    name = given
    if "/" in given and not folder.is_dir():
        raise OntologyError(
            f"{given}: no such folder; give an interchange folder, a release folder, or a name"
        )
    if folder.is_dir():
        name = interchange_name(folder)
        import_ontology(warehouse, folder, name)
    store = OntologyStore(warehouse, name)
    store.find()
    if newest_release(store) is None:
        _command(["release"], name, warehouse)
    return find_release(warehouse, name)


def import_ontology(warehouse: Path, folder: Path, name: str) -> None:
    """Import an interchange folder; one that was imported before changes nothing.

    Errors: OntologyError.
    """
    _command(["import", str(folder)], name, warehouse)


def _command(words: list[str], name: str, warehouse: Path) -> None:
    """Run a command of `aiic ontology` in this process."""
    parser = argparse.ArgumentParser()
    ontology.add_parser(parser.add_subparsers(dest="command"))
    args = parser.parse_args(["ontology", *words, "--name", name, "--warehouse", str(warehouse)])
    if args.func(args) != 0:
        raise OntologyError(f"`aiic ontology {words[0]}` failed for {name}: see above")
