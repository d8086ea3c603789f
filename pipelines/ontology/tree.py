"""Checks that categories form a forest: every parent exists, nobody is their own ancestor."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pipelines.ontology.faults import Faults
from pipelines.ontology.source_rows import Place
from schemas.ontology import Category

SHOWN_MEMBERS = 6


def check_tree(
    categories: Mapping[str, Category],
    places: Mapping[str, Place],
    refused: Collection[str],
    faults: Faults,
) -> None:
    """Note unknown parents, and each cycle once, at the first of its rows.

    `refused` are ids whose own rows are faulty: naming them as parents is no second fault.
    """
    for category_id, category in categories.items():
        parent = category.parent_id
        if parent is not None and parent not in categories and parent not in refused:
            place = places[category_id]
            faults.add(place.file, place.line, "unknown_parent", f"{category_id}: no category {parent!r}")
    for cycle in _cycles(categories):
        first = min((places[found] for found in cycle if places[found].line), key=lambda place: place.line)
        shown = " -> ".join(cycle[:SHOWN_MEMBERS]) + (" -> ..." if len(cycle) > SHOWN_MEMBERS else "")
        faults.add(first.file, first.line, "cycle", f"{shown} -> {cycle[0]}: a category is its own ancestor")


def _cycles(categories: Mapping[str, Category]) -> list[list[str]]:
    """The members of each cycle. Every node has one parent, so a walk up meets at most one cycle."""
    cycles: list[list[str]] = []
    seen: dict[str, int] = {}
    for walk, start in enumerate(categories):
        path: list[str] = []
        current: str | None = start
        while current is not None and current in categories and current not in seen:
            seen[current] = walk
            path.append(current)
            current = categories[current].parent_id
        if current is not None and seen.get(current) == walk and current in path:
            cycles.append(path[path.index(current) :])
    return cycles
