"""`aiic ontology import | apply | release | versions | show | diff`: experts' ontologies, versioned and searchable."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.ontology.release import Release
    from pipelines.ontology.store import OntologyStore, Version

ENCODER_MODEL = "encoder"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `ontology` and its commands."""
    ontology = subparsers.add_parser("ontology", help="import, change, release and look at ontologies")
    commands = ontology.add_subparsers(dest="ontology_command", metavar="COMMAND", required=True)
    for name, (run, words) in _COMMANDS.items():
        parser = commands.add_parser(name, help=words, description=words)
        parser.add_argument("--name", required=True, metavar="NAME", help="name of the ontology")
        parser.add_argument("--warehouse", type=Path, help="folder of all tables (AIIC_WAREHOUSE, build/warehouse)")
        parser.add_argument("--json", action="store_true", help="for programs: one JSON object on standard output")
        _ARGUMENTS[name](parser)
        parser.set_defaults(func=_guarded(run))


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="categories, keys, values (.jsonl or .parquet)")


def _apply_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("changes", type=Path, metavar="CHANGES.jsonl", help='lines {"op": ..., "kind": ..., ...}')


def _release_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", help="version or number; default: the newest")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: releases/ of the ontology")
    parser.add_argument("--encoder-url", help="default: AIIC_ENCODER_URL, else the local stack's encoder")
    parser.add_argument("--encoder-model", default=ENCODER_MODEL, help="name it is served under (%(default)s)")
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


def _store(args: argparse.Namespace) -> OntologyStore:
    from pipelines.ontology.store import OntologyStore, default_warehouse

    return OntologyStore(args.warehouse or default_warehouse(), args.name)


def _import(args: argparse.Namespace) -> int:
    from jobs.stage_progress import stage_progress
    from pipelines.ontology import backbone, interchange
    from pipelines.ontology.errors import OntologyError
    from pipelines.ontology.source_rows import source_digests
    from pipelines.ontology.store import Source

    if not args.folder.is_dir():
        raise OntologyError(f"there is no folder {args.folder}")
    store, started_s = _store(args), time.monotonic()
    whole = backbone.is_backbone(args.folder)
    with stage_progress() as report:
        load = backbone.load_backbone if whole else interchange.load_interchange
        snapshot = load(args.folder, report)
    files = source_digests(args.folder, backbone.FILES if whole else interchange.FILES)
    before = store.head()
    made = store.commit(snapshot, Source("backbone" if whole else "interchange", files), _now_ms(), _say)
    return _done(args, before, made, time.monotonic() - started_s)


def _apply(args: argparse.Namespace) -> int:
    from pipelines.ontology.changes import apply_changes
    from pipelines.ontology.source_rows import file_digest
    from pipelines.ontology.store import Source

    store, started_s = _store(args), time.monotonic()
    before = store.find()
    files = {args.changes.name: file_digest(args.changes)} if args.changes.is_file() else {}
    made = store.change(lambda base: apply_changes(args.changes, base), Source("changes", files), _now_ms(), _say)
    return _done(args, before, made, time.monotonic() - started_s)


def _done(args: argparse.Namespace, before: Version | None, made: Version, seconds: float) -> int:
    same = before is not None and before.version == made.version
    counts = asdict(made.counts)
    words = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in counts.items())
    verb = "nothing changed, it is still" if same else "made"
    text = f"{verb} version {made.version} of {made.name}: {words} ({seconds:.1f} s)"
    return _print(args, {"version": made.version, "unchanged": same, "counts": counts}, lambda: print(text))


def _release(args: argparse.Namespace) -> int:
    started_s = time.monotonic()
    release, folder = asyncio.run(_make(args))
    found = {"version": release.version, "encoder": release.encoder, "folder": str(folder)}
    text = f"release of {args.name} {release.version} for {release.encoder}: {folder}"
    return _print(args, found, lambda: print(f"{text} ({time.monotonic() - started_s:.1f} s)"))


async def _make(args: argparse.Namespace) -> tuple[Release, Path]:
    from infra.faiss import FaissSearch
    from infra.vllm import EncoderClient
    from jobs.stage_progress import stage_progress
    from pipelines.ontology.make_release import make_release, release_folder

    store = _store(args)
    version = store.find(args.version).version
    url = args.encoder_url or os.environ.get("AIIC_ENCODER_URL") or _local_encoder()
    async with EncoderClient(url, args.encoder_model) as client:
        encoder_id = args.encoder_id or await client.model_id()
        folder = args.out or release_folder(store, version, encoder_id)
        with stage_progress() as report:
            made = await make_release(store, version, client.embed, encoder_id, folder, report, FaissSearch())
    return made, folder


def _local_encoder() -> str:
    from infra.local.config import load_config

    config = load_config(env=os.environ)
    return f"{config.url(config.encoder)}/v1"


def _versions(args: argparse.Namespace) -> int:
    from rich.console import Console

    from jobs.ontology_views import print_versions

    store = _store(args)
    store.find()
    found = store.versions()
    return _print(
        args, {"versions": [asdict(one) for one in found]}, lambda: print_versions(Console(), found)
    )


def _show(args: argparse.Namespace) -> int:
    from rich.console import Console

    from jobs import ontology_views as views
    from pipelines.ontology.errors import OntologyError

    store = _store(args)
    version = store.find(args.version)
    snapshot = store.read(version.version)
    if args.category is None:
        return _print(
            args, asdict(version), lambda: views.print_overview(Console(), version, snapshot)
        )
    if args.category not in snapshot.categories:
        raise OntologyError(f"version {version.version} has no category {args.category!r}")
    links = {link.key.key_id: link for link in snapshot.keys_of(args.category)}
    if args.key is None:
        found = {"category": asdict(snapshot.categories[args.category]), "path": snapshot.path(args.category)}
        found["keys"] = [asdict(link) for link in links.values()]
        return _print(args, found, lambda: views.print_category(Console(), snapshot, args.category))
    if args.key not in links:
        raise OntologyError(f"category {args.category!r} has no key {args.key!r}; it has: {', '.join(links)}")
    values = snapshot.values_of(links[args.key])
    return _print(
        args, {"values": [asdict(value) for value in values]}, lambda: views.print_values(Console(), values)
    )


def _diff(args: argparse.Namespace) -> int:
    from rich.console import Console

    from jobs.ontology_views import diff_json, print_diff
    from pipelines.ontology.diff import diff

    store = _store(args)
    found = diff(store.read(args.before), store.read(args.after))
    return _print(args, diff_json(found), lambda: print_diff(Console(), found))


def _print(args: argparse.Namespace, found: Mapping[str, Any], show: Callable[[], None]) -> int:
    if args.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        show()
    return 0


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _guarded(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Run a command; an error that a person can put right becomes a message and exit code 1."""

    def guarded(args: argparse.Namespace) -> int:
        from pipelines.ontology.errors import OntologyError
        from schemas.inference import InferenceError

        try:
            return run(args)
        except OntologyError as error:
            print(f"aiic ontology {args.ontology_command}: {error}", file=sys.stderr)
        except InferenceError as error:
            print(f"aiic ontology {args.ontology_command}: encoder: {error}\nIs it up? See `aiic status`.", file=sys.stderr)
        except OSError as error:
            print(f"aiic ontology {args.ontology_command}: {error}; nothing half-made was kept", file=sys.stderr)
        return 1

    return guarded


_COMMANDS: Mapping[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "import": (_import, "replace the whole content by a folder's: interchange form, or the backbone's Parquet"),
    "apply": (_apply, "apply a file of changes to the newest version"),
    "release": (_release, "make a version searchable: encode its new texts, build its indexes"),
    "versions": (_versions, "list all versions"),
    "show": (_show, "show a version, a category or the values of a key"),
    "diff": (_diff, "tell what changed from one version to another"),
}
_ARGUMENTS: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "import": _import_arguments,
    "apply": _apply_arguments,
    "release": _release_arguments,
    "versions": _no_arguments,
    "show": _show_arguments,
    "diff": _diff_arguments,
}
