"""`aiic model list | show | evaluate | release | rollback | register | export`: versions of the models (M8)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from jobs.arguments import add_precision

MODES = ("cascade", "all", "off")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `model` and its commands."""
    words = "model versions: what there is, how good it is, which one answers (AIIC_MODELS, build/models)"
    model = subparsers.add_parser("model", help=words, description=words)
    commands = model.add_subparsers(dest="model_command", metavar="COMMAND", required=True)
    for name, (module, function, add_arguments, said) in _COMMANDS.items():
        parser = commands.add_parser(name, help=said, description=said)
        add_arguments(parser)
        parser.set_defaults(func=_guarded(module, function))


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    _version_argument(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def _version_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "version",
        nargs="?",
        default="current",
        metavar="VERSION",
        help="a version or an unambiguous part of its name; current, previous or shipped (%(default)s)",
    )


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    _version_argument(parser)
    _set_arguments(parser)
    parser.add_argument(
        "--compare",
        nargs="+",
        metavar="NAME",
        help="also: floor (longest value found), base (needs --base-url), previous, shipped, any version",
    )
    parser.add_argument("--base-url", metavar="URL", help="server of the base text model, for --compare base")
    parser.add_argument(
        "--checkout",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="also: other checkouts of this project, by their own code and weights (a release of an earlier program)",
    )
    add_precision(parser)
    parser.add_argument("--markdown", type=Path, metavar="OUT.md", help="write the table")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="write all figures for programs")
    parser.add_argument("--card", action="store_true", help="write the table into the version's model card")


def _release_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "candidate", metavar="CANDIDATE", help="a registered version, or a folder of roles (ranker/, ...)"
    )
    _set_arguments(parser)
    parser.add_argument(
        "--encoder-url", metavar="URL", help="where the candidate's encoder is served, if elsewhere"
    )
    parser.add_argument(
        "--discriminator-url",
        metavar="URL",
        help="where the candidate's discriminator is served, if elsewhere",
    )
    parser.add_argument(
        "--current-checkout",
        type=Path,
        metavar="DIR",
        help="a checkout that answers for the current version, where that needs an earlier program",
    )
    parser.add_argument(
        "--min-support",
        type=int,
        default=30,
        metavar="N",
        help="keys of which the current version states fewer values are not judged (%(default)s)",
    )
    parser.add_argument("--note", default="", help="a line that says what is new")
    parser.add_argument(
        "--force", action="store_true", help="release it although the gate refuses; needs --why"
    )
    parser.add_argument("--why", default="", help="reason, kept in the history")
    parser.add_argument("--report", type=Path, metavar="OUT.html", help="default: reports/ of the registry")
    parser.add_argument("--json", type=Path, metavar="OUT.json", help="default: reports/ of the registry")


def _set_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sets",
        nargs="+",
        type=Path,
        required=True,
        metavar="D",
        help="labelled sets (ontology/, listings.jsonl, gold.jsonl); their held-out fifth is answered",
    )
    parser.add_argument("--discriminator", choices=MODES, default="cascade", help="who answers (%(default)s)")
    parser.add_argument(
        "--families", type=int, default=0, metavar="N", help="only N product families of each set; 0: all"
    )


def _rollback_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--why", default="", help="reason, kept in the history")


def _register_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--note", default="", help="a line that says what is new")


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", metavar="VERSION")
    parser.add_argument("folder", type=Path, metavar="DIR")


def _guarded(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    """Run a command; what a person can put right becomes a message and exit code 1. Its module is imported only then."""

    def guarded(args: argparse.Namespace) -> int:
        from jobs.evaluation_run import EXPECTED_ERRORS

        try:
            return int(getattr(import_module(module), function)(args))
        except (*EXPECTED_ERRORS, ValueError) as error:
            print(f"aiic model {args.model_command}: {error}", file=sys.stderr)
            return 1

    return guarded


LOOK = "jobs.model.look"
_COMMANDS: Mapping[str, tuple[str, str, Callable[[argparse.ArgumentParser], None], str]] = {
    "list": (LOOK, "show_list", _list_arguments, "list all versions and the decisions about them"),
    "show": (LOOK, "show", _show_arguments, "show a version's parts, model card and history"),
    "evaluate": ("jobs.model.evaluate", "evaluate", _evaluate_arguments,
                 "figures of a version, beside others where wanted, in one run"),
    "release": ("jobs.model.release", "release", _release_arguments,
                "judge a candidate against the current version, and make it current where it passes"),
    "rollback": (LOOK, "rollback", _rollback_arguments, "make the version before current again"),
    "register": (LOOK, "register", _register_arguments, "keep a folder of models as a version, without releasing it"),
    "export": (LOOK, "export_version", _export_arguments, "copy a version into a folder, e.g. to ship it in models/"),
}  # fmt: skip
