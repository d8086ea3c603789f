"""`aiic model list | show | rollback | register | export`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.model.candidate import export, registered
from jobs.models import registry
from pipelines.models.model_set_card import all_cards
from pipelines.models.registry import Event


def show_list(args: argparse.Namespace) -> int:
    """List all versions and what was decided about them."""
    found = registry()
    versions, events = found.versions(), found.history()
    if args.json:
        content = {"versions": [asdict(one) for one in versions], "history": [asdict(one) for one in events]}
        print(json.dumps(content, indent=1))
        return 0
    table = Table("", "version", "made", "note", box=None, pad_edge=False)
    for one in versions:
        said = f"damaged: {one.fault}" if one.fault else one.note
        where = " (shipped)" if one.is_shipped else ""
        table.add_row(*map(Text, ("*" if one.is_current else "", one.version + where, one.made, said)))
    console = Console(highlight=False)
    console.print(table)
    for event in events:
        console.print(Text(event_words(event), style="dim"))
    return 0


def show(args: argparse.Namespace) -> int:
    """Show a version: its parts, its history, its cards."""
    found = registry()
    models = found.get(args.version)
    events = [event for event in found.history() if models.version in (event.version, event.before)]
    if args.json:
        content = asdict(models) | {"folder": str(models.folder), "history": [asdict(one) for one in events]}
        print(json.dumps(content, indent=1))
        return 0
    print(f"{models.version}  {models.folder}\n")
    print(all_cards(models))
    if events:
        print("## History\n")
        print("\n".join(f"- {event_words(event)}" for event in events))
    return 0


def rollback(args: argparse.Namespace) -> int:
    """Take the last release back."""
    event = registry().rollback(args.why)
    print(f"{event.version} is current again, {event.before} no longer")
    return 0


def register(args: argparse.Namespace) -> int:
    """Keep a folder of models as a version, without releasing it."""
    found = registered(registry(), str(args.folder), args.note)
    print(f"{found.version} registered in {found.folder}")
    return 0


def export_version(args: argparse.Namespace) -> int:
    """Copy a version out of the registry."""
    found = export(registry(), args.version, args.folder)
    print(f"{found.version} written to {args.folder}")
    return 0


def event_words(event: Event) -> str:
    """One decision as a line."""
    gate = ""
    if event.gate is not None:
        passed = "passed" if event.gate.get("passed") else "not passed"
        gate = f", gate {passed}: {'; '.join(event.gate.get('reasons', [])) or 'every rule kept'}"
    forced = ", forced" if event.forced else ""
    why = f" because {event.why}" if event.why else ""
    return f"{event.at} {event.action} {event.version} (before: {event.before}){forced}{why}{gate}"
