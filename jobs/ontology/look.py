"""`aiic ontology versions | show | diff`: commands that only read, and what all commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from jobs.ontology import views
from pipelines.ontology.diff import diff
from pipelines.ontology.errors import OntologyError
from pipelines.ontology.store import OntologyStore, default_warehouse


def store_of(args: argparse.Namespace) -> OntologyStore:
    """The ontology that the arguments name."""
    return OntologyStore(args.warehouse or default_warehouse(), args.name)


def show_versions(args: argparse.Namespace) -> int:
    """Print all versions. Errors: UnknownVersion."""
    store = store_of(args)
    store.find()
    found = store.versions()
    return print_result(
        args, {"versions": [asdict(one) for one in found]}, lambda: views.print_versions(Console(), found)
    )


def show(args: argparse.Namespace) -> int:
    """Print a version, a category or the values of a key. Errors: OntologyError."""
    store = store_of(args)
    version = store.find(args.version)
    snapshot = store.read(version.version)
    if args.category is None:
        return print_result(args, asdict(version), lambda: views.print_overview(Console(), version, snapshot))
    if args.category not in snapshot.categories:
        raise OntologyError(f"version {version.version} has no category {args.category!r}")
    links = {link.key.key_id: link for link in snapshot.keys_of(args.category)}
    if args.key is None:
        found: dict[str, Any] = {
            "category": asdict(snapshot.categories[args.category]),
            "path": snapshot.path(args.category),
            "keys": [asdict(link) for link in links.values()],
        }
        return print_result(args, found, lambda: views.print_category(Console(), snapshot, args.category))
    if args.key not in links:
        raise OntologyError(f"category {args.category!r} has no key {args.key!r}; it has: {', '.join(links)}")
    values = snapshot.values_of(links[args.key])
    return print_result(
        args, {"values": [asdict(value) for value in values]}, lambda: views.print_values(Console(), values)
    )


def show_diff(args: argparse.Namespace) -> int:
    """Print what differs between two versions. Errors: UnknownVersion."""
    store = store_of(args)
    found = diff(store.read(args.before), store.read(args.after))
    return print_result(args, views.diff_json(found), lambda: views.print_diff(Console(), found))


def print_result(args: argparse.Namespace, found: Mapping[str, Any], say: Callable[[], None]) -> int:
    """Print a result as JSON or let `say` print it; return exit code 0."""
    if args.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        say()
    return 0
