"""Ontology versions, categories and differences as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.ontology.diff import Diff
from pipelines.ontology.snapshot import Snapshot, Value
from pipelines.ontology.store import Version

SHOWN = 20


def print_versions(console: Console, versions: Iterable[Version]) -> None:
    """One line a version."""
    table = _table("version", "created", "from", "categories", "keys", "values", "entries", "tags")
    for one in versions:
        created = datetime.fromtimestamp(one.created_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        counts = (
            one.counts.categories,
            one.counts.keys,
            one.counts.values,
            one.counts.entries,
            one.counts.tags,
        )
        table.add_row(one.version, created, one.source.kind, *(f"{count:,}" for count in counts))
    console.print(table)


def print_overview(console: Console, version: Version, snapshot: Snapshot) -> None:
    """The counts of a version and its root categories."""
    print_versions(console, [version])
    roots = [found for found in snapshot.categories.values() if found.parent_id is None]
    children: dict[str, int] = {}
    for category_id in snapshot.categories:
        *_, top = snapshot.ancestors(category_id)
        children[top] = children.get(top, 0) + 1
    table = _table("root category", "id", "categories below", "status")
    for root in sorted(roots, key=lambda one: -children[one.category_id])[:SHOWN]:
        table.add_row(
            escape(root.name), escape(root.category_id), f"{children[root.category_id] - 1:,}", root.status
        )
    console.print(table)
    if len(roots) > SHOWN:
        console.print(f"... and {len(roots) - SHOWN} more roots")


def print_category(console: Console, snapshot: Snapshot, category_id: str) -> None:
    """One category and the keys its items are asked for."""
    category = snapshot.categories[category_id]
    console.print(f"[bold]{escape(' > '.join(snapshot.path(category_id)))}[/] ({category.status})")
    for label, text in (("also", ", ".join(category.synonyms)), ("", category.description)):
        if text:
            console.print(f"{label} {escape(text)}".strip())
    table = _table("key", "id", "kind", "values", "first values", "status")
    for link in snapshot.keys_of(category_id):
        values = snapshot.values_of(link)
        first = ", ".join(value.text for value in values[:5])
        key = link.key
        row = (key.name, key.key_id, key.value_kind, f"{len(values):,}", first, key.status)
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    if category_id not in snapshot.keys:
        console.print("(the keys are those of the nearest category above that has any)")


def print_values(console: Console, values: Iterable[Value]) -> None:
    """All values of a key."""
    table = _table("value", "id", "seen", "synonyms", "status")
    for value in values:
        row = (value.text, value.value_id, f"{value.frequency:,}", ", ".join(value.synonyms), value.status)
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def print_diff(console: Console, found: Diff) -> None:
    """What came, went and changed."""
    console.print(f"{found.before} -> {found.after}")
    table = _table("", "added", "removed", "changed")
    for kind, counts in found.counts().items():
        table.add_row(kind, *(f"{counts[name]:,}" for name in ("added", "removed", "changed")))
    console.print(table)
    lines = list(_diff_lines(found))
    for line in lines[:SHOWN]:
        console.print(line, markup=False, highlight=False)
    if len(lines) > SHOWN:
        console.print(f"... and {len(lines) - SHOWN} more lines: see --json")


def diff_json(found: Diff) -> dict[str, Any]:
    """A difference as a JSON object: counts, and every line."""
    return {
        "before": found.before,
        "after": found.after,
        "counts": found.counts(),
        "lines": list(_diff_lines(found)),
    }


def _diff_lines(found: Diff) -> Iterable[str]:
    for kind, delta in (("category", found.categories), ("key", found.keys), ("tag", found.tags)):
        for sign, elements in (("+", delta.added), ("-", delta.removed)):
            yield from (f"{sign} {kind} {_name(element)}" for element in elements)
        yield from (f"~ {kind} {_name(after)}: {_fields(before, after)}" for before, after in delta.changed)
    for change in found.values:
        category_id, key_id = change.pairs[0]
        more = f" and {len(change.pairs) - 1} more categories" if len(change.pairs) > 1 else ""
        where = f"{key_id} of {category_id}{more}"
        yield from (f"+ value {value.text!r}: {where}" for value in change.values.added)
        yield from (f"- value {value.text!r}: {where}" for value in change.values.removed)
        yield from (
            f"~ value {new.text!r}: {_fields(old, new)}: {where}" for old, new in change.values.changed
        )


def _name(element: Any) -> str:
    ids = [getattr(element, name) for name in ("category_id", "key_id", "tag_id") if hasattr(element, name)]
    return f"{'/'.join(ids)} ({element.name})"


def _fields(before: Any, after: Any) -> str:
    names = [name for name in before.__dataclass_fields__ if getattr(before, name) != getattr(after, name)]
    return ", ".join(f"{name} {getattr(before, name)!r} -> {getattr(after, name)!r}" for name in names)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name in NUMBERS else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name == "version")
    return table


NUMBERS = {
    *("categories", "keys", "values", "entries", "tags", "seen"),
    *("added", "removed", "changed", "categories below"),
}
