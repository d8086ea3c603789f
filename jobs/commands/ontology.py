"""`aiic ontology import | apply | release | versions | show | diff`: ontologies, versioned and searchable."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

ENCODER_MODEL = "encoder"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `ontology` and its commands."""
    ontology = subparsers.add_parser("ontology", help="import, change, release and look at ontologies")
    commands = ontology.add_subparsers(dest="ontology_command", metavar="COMMAND", required=True)
    for name, (module, function, add_arguments, words) in _COMMANDS.items():
        parser = commands.add_parser(name, help=words, description=words)
        parser.add_argument("--name", required=True, metavar="NAME", help="name of the ontology")
        parser.add_argument(
            "--warehouse", type=Path, help="folder of all tables (AIIC_WAREHOUSE, build/warehouse)"
        )
        parser.add_argument(
            "--json", action="store_true", help="for programs: one JSON object on standard output"
        )
        add_arguments(parser)
        parser.set_defaults(func=_guarded(module, function))


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="categories, keys, values (.jsonl or .parquet)"
    )


def _apply_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "changes", type=Path, metavar="CHANGES.jsonl", help='lines {"op": ..., "kind": ..., ...}'
    )


def _release_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", help="version or number; default: the newest")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: releases/ of the ontology")
    parser.add_argument("--encoder-url", help="default: AIIC_ENCODER_URL, else the local stack's encoder")
    parser.add_argument(
        "--encoder-model", default=ENCODER_MODEL, help="name it is served under (%(default)s)"
    )
    parser.add_argument("--encoder-id", help="default: what the server says its model is")


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("category", nargs="?", metavar="CATEGORY_ID", help="show one category and its keys")
    parser.add_argument("--key", metavar="KEY_ID", help="with a category: all values of this key")
    parser.add_argument("--version", help="version or number; default: the newest")


def _diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("before", metavar="V1", help="version or number")
    parser.add_argument("after", metavar="V2", nargs="?", help="version or number; default: the newest")


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    """The command takes nothing of its own."""


def _guarded(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    """Run a command; an error that a person can put right becomes a message and exit code 1.

    Its module is imported only then: `aiic --help` need not wait for pyarrow and Faiss.
    """

    def guarded(args: argparse.Namespace) -> int:
        from pipelines.ontology.errors import OntologyError
        from schemas.inference import InferenceError

        try:
            return int(getattr(import_module(module), function)(args))
        except OntologyError as error:
            words = str(error)
        except InferenceError as error:
            words = f"encoder: {error}\nSee `aiic status`. What was encoded is kept: the same command goes on from there."
        except OSError as error:
            words = f"{error}; nothing half-made was kept"
        print(f"aiic ontology {args.ontology_command}: {words}", file=sys.stderr)
        return 1

    return guarded


WRITE, LOOK = "jobs.ontology.write", "jobs.ontology.look"
_COMMANDS: Mapping[str, tuple[str, str, Callable[[argparse.ArgumentParser], None], str]] = {
    "import": (WRITE, "import_folder", _import_arguments,
               "replace the whole content by a folder's: interchange form, or the backbone's Parquet"),
    "apply": (WRITE, "apply_file", _apply_arguments, "apply a file of changes to the newest version"),
    "release": (WRITE, "release", _release_arguments,
                "make a version searchable: encode its new texts, build its indexes"),
    "versions": (LOOK, "show_versions", _no_arguments, "list all versions"),
    "show": (LOOK, "show", _show_arguments, "show a version, a category or the values of a key"),
    "diff": (LOOK, "show_diff", _diff_arguments, "tell what changed from one version to another"),
}  # fmt: skip
